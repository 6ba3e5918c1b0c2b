"""A folder or a zip of PNG and JPEG files; the first folder level names the class."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


class Unread(NamedTuple):
    """A file that is called like a picture and could not be read as one."""

    name: str
    reason: str


@dataclass(frozen=True)
class Files:
    """The files of a folder or zip that has been opened."""

    source: Path
    pictures: tuple[PurePosixPath, ...]
    """Those that are called like a PNG or JPEG, in the order of their names."""
    others: Counter[str]
    """The endings of all others but hidden ones, and how many there are."""
    open: Callable[[PurePosixPath], BinaryIO]
    """Gives a file to read from, or raises `Unreadable`."""


def load_pictures(path: Path, size: int, channels: int, notify: Callable[[str], None]) -> Pictures:
    """Read every PNG and JPEG in a folder or .zip; unreadable ones are skipped and reported.

    Args:
        path: of the folder or .zip.
        size: height and width that they get.
        channels: 1 or 3.
        notify: called with a line that counts the unreadable ones, where there are any.

    Raises:
        BadInput: it is no zip, fewer than two images can be read, or hardly anything in it is one.
    """
    kept: list[PurePosixPath] = []
    skipped: list[Unread] = []
    with open_pictures(path) as files:
        images = np.empty((len(files.pictures), channels, size, size), np.uint8)
        for name in files.pictures:
            try:
                with files.open(name) as file:
                    images[len(kept)] = decode(file, size, channels)
                kept.append(name)
            except Unreadable as error:
                skipped.append(Unread(str(name), str(error)))
    if len(kept) < 2:
        raise too_few(files, len(kept), skipped)
    if skipped:
        notify(skip_notice(path, skipped, len(files.pictures)))
    labels, class_names = classes(kept)
    return Pictures(images[: len(kept)], labels, class_names)


@contextmanager
def open_pictures(path: Path) -> Iterator[Files]:
    """Open a folder or .zip for as long as its files are read; nothing is unpacked to the disk.

    Raises:
        BadInput: it is a file and no zip, or cannot be read.
    """
    if os.path.isdir(path):
        names = [PurePosixPath(each.relative_to(path).as_posix()) for each in files_under(path)]

        def open_file(name: PurePosixPath) -> BinaryIO:
            try:
                return open(path / name, "rb")
            except OSError as error:
                raise Unreadable(explain(error)) from error

        yield listed(path, names, open_file)
        return
    with open_zip(path) as archive:
        entries = {
            PurePosixPath(entry.filename): entry
            for entry in archive.infolist()
            if not entry.filename.endswith("/")
        }
        yield listed(path, entries, lambda name: open_entry(archive, entries[name]))


def files_under(folder: Path) -> Iterator[Path]:
    """Yield the files under ``folder``, following symlinks.

    Raises:
        BadInput: more than `STRAYS` of what it holds is no image by its name.
    """
    images = others = 0
    for entry in _entries(str(folder), ()):
        if _is_named_image(entry):
            images += 1
        elif (others := others + 1) > STRAYS + images:
            raise BadInput(
                f"{folder} is no folder of images: {counted(images, 'PNG or JPEG file')} among the "
                f"first {images + others:,} entries, and it was looked at no further",
                "name the folder that holds the images",
            )
        if os.path.isfile(entry):
            yield Path(entry)


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


def open_zip(path: Path) -> zipfile.ZipFile:
    """Return the open archive.

    Raises:
        BadInput: it is not a zip, or cannot be read.
    """
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise BadInput(f"{path} is not a zip file", "give a .zip or a folder of images") from error
    except OSError as error:
        raise BadInput(f"cannot read {path}: {explain(error)}", "name another file") from error


def open_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    """Return one file of a zip, unpacked in memory.

    Raises:
        Unreadable: it is damaged, encrypted or too large, or uses another method than `METHODS`.
    """
    if entry.file_size > MAX_ENTRY:
        raise Unreadable(f"too large: {entry.file_size:,} bytes")
    if entry.compress_type not in METHODS:
        raise Unreadable(f"packed by a method that is not read, {entry.compress_type}")
    if entry.flag_bits & 1:
        raise Unreadable("it has a password")
    try:
        return io.BytesIO(archive.read(entry))
    except (
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise Unreadable(f"damaged: {error}") from error


def listed(
    source: Path, names: Iterable[PurePosixPath], open_file: Callable[[PurePosixPath], BinaryIO]
) -> Files:
    """Sort out which of the names are pictures'."""
    seen = [name for name in names if not is_hidden(name)]
    pictures = [name for name in seen if name.suffix.lower() in SUFFIXES]
    others = Counter(name.suffix.lower() for name in seen if name.suffix.lower() not in SUFFIXES)
    return Files(source, tuple(sorted(pictures, key=lambda name: name.parts)), others, open_file)


def is_hidden(name: PurePosixPath) -> bool:
    """Tell whether any part of the name is hidden or macOS's own."""
    return not all(map(is_visible, name.parts))


def is_visible(name: str) -> bool:
    """Tell whether a file or folder of that name may hold images."""
    return not name.startswith(".") and name != "__MACOSX"


def classes(
    names: Collection[PurePosixPath],
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return labels (N,) and the sorted class names, or None and () unless all lie in folders.

    One folder of pictures is no class beside others: a zip of it is what the folder itself is.
    """
    depth = len(around(names).parts)
    parts = [name.parts[depth:] for name in names]
    if any(len(part) == 1 for part in parts):
        return None, ()
    class_names = sorted({part[0] for part in parts})
    if len(class_names) == 1:
        return None, ()
    index = {name: number for number, name in enumerate(class_names)}
    return np.array([index[part[0]] for part in parts], np.int64), tuple(class_names)


def around(names: Collection[PurePosixPath]) -> PurePosixPath:
    """Return the folder around all the class folders, such as a zip of one folder has."""
    parts = [name.parts for name in names]
    depth = 0
    while len({part[depth] for part in parts}) == 1 and all(
        len(part) > depth + 2 for part in parts
    ):
        depth += 1
    return PurePosixPath(*parts[0][:depth]) if parts else PurePosixPath()


def too_few(files: Files, readable: int, skipped: Sequence[Unread]) -> BadInput:
    """Return the error for fewer than two images, with what may be the reason."""
    hint = "give a folder or .zip with more images"
    if skipped:
        name, reason = skipped[0]
        hint = f"{counted(len(skipped), 'file')} could not be read, such as {name!r:.200}: {reason}"
    elif files.others and not readable:
        suffix, count = files.others.most_common(1)[0]
        which = f"{suffix:.20} file" if suffix else "file without an ending"
        hint = f"{counted(count, which)} there: only PNG and JPEG files are read"
    return BadInput(
        f"{files.source}: {counted(readable, 'readable PNG or JPEG image')}, too few to train on: "
        "at least 2 are needed",
        hint,
    )


def skip_notice(source: Path, skipped: Sequence[Unread], total: int) -> str:
    """Return one line that counts the unreadable files and names the first few."""
    named = ", ".join(repr(name) for name, _ in skipped[:NAMED])
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    return (
        f"{source}: skipped {len(skipped)} of {total} files as unreadable: {named}{more} "
        "(ganctl data show says why)"
    )
