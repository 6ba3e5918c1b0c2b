"""Read folders and zips of PNG and JPEG pictures; the first folder level names the class."""

from __future__ import annotations

import io
import logging
import os
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ganctl.data.decode import Unreadable, decode
from ganctl.errors import BadInput, explain
from ganctl.text import counted

SUFFIXES = {".png", ".jpg", ".jpeg"}
MAX_ENTRY = 256 * 2**20  # unpacked bytes of a picture in a zip
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # zipfile limits the output of these only
MAX_OTHER_FILES = 20_000  # in a folder, beyond one for each picture
SYSTEM_FOLDERS = ("/dev", "/proc", "/sys")  # endless, and never hold pictures
NAMED = 3  # unreadable files that a warning names

T = TypeVar("T")
log = logging.getLogger("ganctl")


class Skipped(NamedTuple):
    """A file that has a picture's suffix and cannot be read."""

    name: str
    reason: str


@dataclass(frozen=True)
class PictureFiles:
    """The files of an open folder or zip."""

    source: Path
    pictures: tuple[PurePosixPath, ...]  # names that end like a PNG or JPEG, sorted
    other_suffixes: dict[str, int]  # of all other visible files → how many, most frequent first
    open: Callable[[PurePosixPath], BinaryIO]  # raises Unreadable or OSError
    skipped: list[Skipped] = field(default_factory=list)  # filled by `read`

    def read(
        self,
        function: Callable[[BinaryIO], T],
        names: Sequence[PurePosixPath] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[tuple[PurePosixPath, T]]:
        """Yield each picture, or each of ``names``, and ``function(file)``; skip unreadable ones.

        ``progress`` is called with the number of files read and the number of all.
        """
        names = self.pictures if names is None else names
        for done, name in enumerate(names, 1):
            try:
                with self.open(name) as file:
                    result = function(file)
            except (Unreadable, OSError) as error:
                reason = explain(error) if isinstance(error, OSError) else str(error)
                self.skipped.append(Skipped(str(name), reason))
            else:
                yield name, result
            if progress:
                progress(done, len(names))

    def check_enough(self, readable: int) -> None:
        """Raise BadInput, with the probable reason, unless two pictures are readable."""
        if readable >= 2:
            return
        hint = "give a folder or .zip with more images"
        if self.skipped:
            files, (name, reason) = counted(len(self.skipped), "file"), self.skipped[0]
            hint = f"{files} could not be read, such as {name!r:.200}: {reason}"
        elif self.other_suffixes and not readable:
            suffix, count = next(iter(self.other_suffixes.items()))
            kind = f"{suffix:.20} file" if suffix else "other file"
            hint = f"found {counted(count, kind)}; only PNG and JPEG files are read"
        raise BadInput(
            f"{self.source}: {counted(readable, 'readable PNG or JPEG image')}, "
            "but training needs at least 2",
            hint,
        )


def load_pictures(
    path: Path, size: int, channels: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None, tuple[str, ...]]:
    """Return the images of a folder or .zip, (N, channels, size, size), and their `classes`.

    Unreadable files are skipped with a warning. Raises BadInput if it is not a zip or a folder of
    images, or if fewer than two pictures are readable.
    """
    names: list[PurePosixPath] = []
    with open_pictures(path) as files:
        images = np.empty((len(files.pictures), channels, size, size), np.uint8)
        for name, image in files.read(lambda file: decode(file, size, channels)):
            images[len(names)] = image
            names.append(name)
    files.check_enough(len(names))
    if files.skipped:
        log.warning("%s", skip_notice(path, files.skipped, len(files.pictures)))
    return images[: len(names)], *classes(names)


@contextmanager
def open_pictures(path: Path) -> Iterator[PictureFiles]:
    """Open a folder or .zip of pictures; BadInput if it is neither, or hardly holds pictures.

    Nothing is unpacked to the disk.
    """
    if os.path.isdir(path):
        names = [PurePosixPath(file.relative_to(path).as_posix()) for file in _walk(path)]
        yield PictureFiles(path, *_sort_out(names), lambda name: open(path / name, "rb"))
        return
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
        yield PictureFiles(
            path, *_sort_out(entries), lambda name: _open_entry(archive, entries[name])
        )


def _sort_out(
    names: Iterable[PurePosixPath],
) -> tuple[tuple[PurePosixPath, ...], dict[str, int]]:
    """Return the sorted names of pictures, and the suffixes of all other visible files."""
    visible = [name for name in names if all(map(is_visible, name.parts))]
    pictures = [name for name in visible if name.suffix.lower() in SUFFIXES]
    others = Counter(name.suffix.lower() for name in visible if name.suffix.lower() not in SUFFIXES)
    pictures.sort(key=lambda name: name.parts)
    return tuple(pictures), dict(sorted(others.items(), key=lambda item: (-item[1], item[0])))


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all visible files under ``folder``, following symlinks but not in circles."""
    system = [os.stat(each) for each in SYSTEM_FOLDERS if os.path.isdir(each)]
    pending = [(str(folder), tuple(system))]  # folders and those that they must not be
    images = others = 0
    while pending:
        place, above = pending.pop()
        try:
            status = os.stat(place)
            entries = [entry for entry in os.scandir(place) if is_visible(entry.name)]
        except OSError:
            continue
        if any(os.path.samestat(status, other) for other in above):
            continue
        found = sum(os.path.splitext(entry.name)[1].lower() in SUFFIXES for entry in entries)
        images, others = images + found, others + len(entries) - found
        if others > MAX_OTHER_FILES + images:
            raise BadInput(
                f"{folder} is not a folder of images: {counted(images, 'PNG or JPEG file')} among "
                f"the first {images + others:,} files and folders",
                "name the folder that holds the images",
            )
        for entry in entries:
            if os.path.isdir(entry) if entry.is_symlink() else entry.is_dir():
                pending.append((entry.path, (*above, status)))
            elif os.path.isfile(entry):
                yield Path(entry)


def _open_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    """Unpack one file of a zip in memory."""
    if entry.file_size > MAX_ENTRY:
        raise Unreadable(f"too large: {entry.file_size:,} bytes")
    if entry.compress_type not in METHODS:
        raise Unreadable(f"unsupported compression method {entry.compress_type}")
    if entry.flag_bits & 1:
        raise Unreadable("it is protected by a password")
    try:
        return io.BytesIO(archive.read(entry))
    except Exception as error:  # zipfile raises many kinds for damaged entries
        raise Unreadable(f"damaged: {error}") from error


def is_visible(name: str) -> bool:
    """Tell whether a file or folder may hold pictures: it is not hidden, nor metadata of macOS."""
    return not name.startswith(".") and name != "__MACOSX"


def classes(
    names: Collection[PurePosixPath],
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return labels (N,) and the sorted class names.

    None and () unless all pictures lie in at least two class folders.
    """
    depth = len(common_folder(names).parts)
    parts = [name.parts[depth:] for name in names]
    class_names = sorted({part[0] for part in parts})
    if len(class_names) < 2 or any(len(part) == 1 for part in parts):
        return None, ()
    index = {name: number for number, name in enumerate(class_names)}
    return np.array([index[part[0]] for part in parts], np.int64), tuple(class_names)


def common_folder(names: Collection[PurePosixPath]) -> PurePosixPath:
    """Return the folder that holds all class folders; a zip of one folder has one."""
    parts = [name.parts for name in names]
    depth = 0
    while len({part[depth] for part in parts}) == 1 and all(len(p) > depth + 2 for p in parts):
        depth += 1
    return PurePosixPath(*parts[0][:depth]) if parts else PurePosixPath()


def skip_notice(source: Path, skipped: Sequence[Skipped], total: int) -> str:
    """Return one line that counts the unreadable files and names the first few."""
    named = ", ".join(repr(name) for name, _ in skipped[:NAMED])
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    return (
        f"{source}: skipped {len(skipped)} of {total} files as unreadable: {named}{more} "
        "(ganctl data show gives the reasons)"
    )
