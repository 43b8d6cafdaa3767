"""The files of a version as a tree: whole if it is small, otherwise one folder and one part of it at a time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, TypeAlias
from urllib.parse import urlencode

from django.urls import reverse

from versions.files import path_of
from versions.models import Version, VersionFile

SHOWN = 100  # files, or entries of a folder, that a page shows
COUNTED = 10_000  # files that a page counts
COLUMNS = ("path", "size", "sha256", "mimetype")
File: TypeAlias = dict[str, Any]  # COLUMNS


@dataclass(frozen=True)
class Entry:
    """A file with its `address`, or a folder: with its `entries` in a whole tree, otherwise with that of its page.

    `files` and `size` are those of all that is in a folder; 0 if there was too much to count.
    """

    name: str
    address: str = ""
    file: File | None = None
    entries: Sequence["Entry"] = ()
    files: int = 0
    size: int = 0


@dataclass(frozen=True)
class Place:
    """What a page shows of a version: the part of the folder `prefix` that follows the entry `after`.

    `route` and `key` name the version in URLs. `metric` is the one whose course is shown.
    """

    version: Version
    route: str
    pk: str
    key: str
    prefix: str = ""
    after: str = ""
    metric: str = ""

    def file(self, path: str) -> str:
        """Return the URL of a file."""
        return reverse(f"{self.route}-file", kwargs={"pk": self.pk, "version": self.key, "file": path})

    def folder(self, prefix: str, after: str = "") -> str:
        """Return the query of the page of a folder."""
        parameters = {"prefix": prefix, "after": after}
        return f"?{urlencode({name: text for name, text in parameters.items() if text})}#files"


@dataclass(frozen=True)
class Tree:
    """The entries of a page, and the query of the page that shows the next ones, if there are more."""

    entries: Sequence[Entry] = ()
    next: str = ""
    parents: Sequence[tuple[str, str]] = field(default=())


def tree_of(place: Place) -> Tree:
    """Return what a page shows. It takes a query for each entry at most, whatever is in the folders, and one more."""
    version = place.version
    if not version.is_folder:
        file = {"path": path_of(version)} | {name: getattr(version, name) for name in COLUMNS[1:]}
        return Tree([Entry(file["path"], place.file(file["path"]), file)])
    parts = place.prefix.split("/")[:-1]
    parents = [(part, place.folder(f"{'/'.join(parts[:depth])}/")) for depth, part in enumerate(parts, 1)]
    files = list(_rows(version, place.prefix)[: SHOWN + 1])
    if len(files) <= SHOWN:
        return Tree(_nested(place, files, len(place.prefix)), parents=parents)
    entries = list(_level(place))
    shown = entries[:SHOWN]
    last = shown[-1].name if len(entries) > SHOWN else ""
    return Tree(_counted(place, shown), place.folder(place.prefix, last) if last else "", parents)


def _rows(version: Version, prefix: str) -> Any:
    return VersionFile.objects.in_version(version.pk, prefix).order_by("pk").values(*COLUMNS)


def _nested(place: Place, files: Sequence[File], start: int) -> Sequence[Entry]:
    """Return the entries of a folder with all that is in it; `start` is the length of its path."""

    def part(file: File) -> str:
        name, slash, _ = file["path"][start:].partition("/")
        return f"{name}{slash}"

    entries = []
    for name, grouped in groupby(files, part):
        within = list(grouped)
        if name.endswith("/"):
            inner = _nested(place, within, start + len(name))
            size = sum(file["size"] for file in within)
            entries.append(Entry(name, entries=inner, files=len(within), size=size))
        else:
            entries.append(Entry(name, place.file(within[0]["path"]), within[0]))
    return entries


def _level(place: Place) -> Iterator[Entry]:
    """Yield the entries of one folder, one more than a page shows; skip what is in its folders."""
    start, found = len(place.prefix), 0
    id = place.version.pk
    end = _behind(VersionFile.key(id, place.prefix))
    position = _behind(place.prefix + place.after) if place.after else place.prefix
    while found <= SHOWN:
        # One lower bound: of two, SQLite uses the first, and reads all that is before the second.
        rows = VersionFile.objects.filter(pk__gte=VersionFile.key(id, position), pk__lt=end)
        batch = list(rows.order_by("pk").values(*COLUMNS)[: SHOWN + 1])
        if not batch:
            return
        for file in batch:
            if file["path"] < position or found > SHOWN:
                continue
            name, slash, _ = file["path"][start:].partition("/")
            position = _behind(f"{place.prefix}{name}{slash}")
            found += 1
            address = place.folder(f"{place.prefix}{name}/") if slash else place.file(file["path"])
            yield Entry(f"{name}{slash}", address, None if slash else file)


def _counted(place: Place, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return the entries, their folders with what is in them, as far as it is among the first files of the page."""
    id = place.version.pk
    first = VersionFile.key(id, f"{place.prefix}{entries[0].name if entries else ''}")
    rows = VersionFile.objects.filter(pk__gte=first, pk__lt=_behind(VersionFile.key(id, place.prefix)))
    found = rows.order_by("pk").values_list("path", "size")[: COUNTED + 1]
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    name = ""
    for path, size in found:
        name, slash, _ = path[len(place.prefix) :].partition("/")
        name += slash
        files[name] += 1
        sizes[name] += size
    if files.total() > COUNTED:  # the last folder has more
        del files[name], sizes[name]
    return [replace(entry, files=files[entry.name], size=sizes[entry.name]) for entry in entries]


def _behind(path: str) -> str:
    """Return where the paths behind a file, or behind all that is in a folder, begin.

    "0" follows the slash, and a path has no character before the blank.
    """
    return f"{path[:-1]}0" if path.endswith("/") else f"{path} "
