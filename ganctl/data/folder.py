"""A folder or a zip of PNG and JPEG files; the first folder level names the class."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganctl.data.decode import Unreadable, decode
from ganctl.errors import BadInput, explain
from ganctl.text import counted

SUFFIXES = {".png", ".jpg", ".jpeg"}

MAX_ENTRY = 256 * 2**20
"""Bytes that an image in a zip may have once unpacked."""

METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Those which never unpack more than is asked for; zipfile has no such limit for the others."""

STRAYS = 20_000
"""Entries of a folder that are no images, beyond one for each image: more are not looked at."""

SYSTEM = ("/dev", "/proc", "/sys")
"""Folders without files of anybody's, and without an end."""

NAMED = 3
"""How many unreadable files are named before the rest is only counted."""


class Pictures(NamedTuple):
    """A folder's or zip's images at their final size."""

    images: NDArray[np.uint8]
    """(N, C, S, S), 0 … 255, in the order of their names."""
    labels: NDArray[np.int64] | None
    """(N,), an index into ``class_names``; None when unlabelled."""
    class_names: tuple[str, ...]


def load_folder(folder: Path, size: int, channels: int, notify: Callable[[str], None]) -> Pictures:
    """Read every PNG and JPEG under ``folder``; unreadable ones are skipped and reported.

    Raises:
        BadInput: fewer than two images can be read, or hardly anything in it is one.
    """
    names = (PurePosixPath(path.relative_to(folder).as_posix()) for path in images_under(folder))

    def open_file(name: PurePosixPath) -> BinaryIO:
        try:
            return open(folder / name, "rb")
        except OSError as error:
            raise Unreadable(explain(error)) from error

    return collect(folder, names, open_file, size, channels, notify)


def images_under(folder: Path) -> Iterator[Path]:
    """Yield the files under ``folder`` that are images by their names, following symlinks.

    Raises:
        BadInput: more than `STRAYS` of what it holds is none.
    """
    images = others = 0
    for entry in _entries(str(folder), ()):
        if _is_named_image(entry):
            images += 1
            if os.path.isfile(entry):
                yield Path(entry)
        elif (others := others + 1) > STRAYS + images:
            raise BadInput(
                f"{folder} is no folder of images: {counted(images, 'PNG or JPEG file')} among the "
                f"first {images + others:,} entries, and it was looked at no further",
                "name the folder that holds the images",
            )


def _entries(folder: str, above: tuple[os.stat_result, ...]) -> Iterator[os.DirEntry[str]]:
    """Yield all that lies under ``folder``, unless it is hidden or a folder that is ``above``.

    Of each folder the images come first.
    """
    try:
        status, entries = os.stat(folder), list(os.scandir(folder))
    except OSError:
        return
    if any(os.path.samestat(status, other) for other in (*above, *_system())):
        return
    entries.sort(key=_is_named_image, reverse=True)
    for entry in filter(lambda entry: is_visible(entry.name), entries):
        yield entry
        if os.path.isdir(entry) if entry.is_symlink() else entry.is_dir():
            yield from _entries(entry.path, (*above, status))


def _is_named_image(entry: os.DirEntry[str]) -> bool:
    return os.path.splitext(entry.name)[1].lower() in SUFFIXES


@cache
def _system() -> tuple[os.stat_result, ...]:
    """Return what tells `SYSTEM` under whatever path."""
    return tuple(os.stat(folder) for folder in SYSTEM if os.path.isdir(folder))


def load_zip(path: Path, size: int, channels: int, notify: Callable[[str], None]) -> Pictures:
    """Read every PNG and JPEG in a zip as `load_folder` does; nothing is unpacked to the disk.

    Raises:
        BadInput: it is not a zip, or fewer than two images in it can be read.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise BadInput(f"{path} is not a zip file", "give a .zip or a folder of images") from error
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", "name another file") from error

    with archive:
        entries = {
            PurePosixPath(entry.filename): entry
            for entry in archive.infolist()
            if not entry.filename.endswith("/")
        }
        return collect(
            path, entries, lambda name: open_entry(archive, entries[name]), size, channels, notify
        )


def open_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    """Return one file of a zip, unpacked in memory.

    Raises:
        Unreadable: it is damaged, encrypted or too large, or uses another method than `METHODS`.
    """
    if entry.file_size > MAX_ENTRY:
        raise Unreadable(f"{entry.file_size:,} bytes")
    if entry.compress_type not in METHODS:
        raise Unreadable(f"compression method {entry.compress_type}")
    try:
        return io.BytesIO(archive.read(entry))
    except (
        OSError,
        EOFError,
        RuntimeError,  # it has a password
        ValueError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise Unreadable(str(error)) from error


def collect(
    source: Path,
    names: Iterable[PurePosixPath],
    open_image: Callable[[PurePosixPath], BinaryIO],
    size: int,
    channels: int,
    notify: Callable[[str], None],
) -> Pictures:
    """Decode the images among ``names`` one after the other, in the order of their names."""
    wanted = sorted((name for name in names if is_image(name)), key=lambda name: name.parts)
    kept: list[PurePosixPath] = []
    skipped: list[PurePosixPath] = []
    images = np.empty((len(wanted), channels, size, size), np.uint8)
    for name in wanted:
        try:
            with open_image(name) as file:
                images[len(kept)] = decode(file, size, channels)
            kept.append(name)
        except Unreadable:
            skipped.append(name)
    if skipped:
        notify(skip_notice(source, skipped, len(wanted)))
    if len(kept) < 2:
        raise BadInput(
            f"{source}: {len(kept)} readable PNG or JPEG images, at least 2 are needed",
            "give a folder or .zip with more images",
        )
    labels, class_names = classes(kept)
    return Pictures(images[: len(kept)], labels, class_names)


def is_image(name: PurePosixPath) -> bool:
    """Tell whether the name ends like an image's and no part of it is hidden or macOS's own."""
    return name.suffix.lower() in SUFFIXES and all(map(is_visible, name.parts))


def is_visible(name: str) -> bool:
    """Tell whether a file or folder of that name may hold images."""
    return not name.startswith(".") and name != "__MACOSX"


def classes(
    names: Collection[PurePosixPath],
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return labels (N,) and the sorted class names, or None and () unless all lie in folders.

    A folder around all the class folders, such as a zip of one folder has, is not a class.
    """
    parts = [name.parts for name in names]
    while len({first for first, *_ in parts}) == 1 and all(len(part) > 2 for part in parts):
        parts = [part[1:] for part in parts]
    if any(len(part) == 1 for part in parts):
        return None, ()
    class_names = sorted({part[0] for part in parts})
    index = {name: number for number, name in enumerate(class_names)}
    return np.array([index[part[0]] for part in parts], np.int64), tuple(class_names)


def skip_notice(source: Path, skipped: list[PurePosixPath], total: int) -> str:
    """Return one line that counts the unreadable files and names the first few."""
    named = ", ".join(repr(str(name)) for name in skipped[:NAMED])
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    return f"{source}: skipped {len(skipped)} of {total} files as unreadable: {named}{more}"
