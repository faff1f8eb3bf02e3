"""What a disk may hold after a power cut: the states that a recorded night's log allows at each of its lines.

Two kinds of file system, both of which keep the promises of POSIX and no more than them:

``journal``     one order of names for the whole disk (ext4, XFS): any fsync makes every earlier name safe; behind it
                some of the later ones are on disk, the earlier before the later.
``by folder``   each folder has an order of its own: only the fsync of a folder makes its names safe, and of two folders
                either may be ahead. More than any file system that we know of would lose.

What a file holds is safe by its own fsync only. Else it may be empty, cut short, or whole; one that was fsynced holds
what it held then, or more.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = -1
"""The id of the folder that was recorded; all else is called by the number of the line that made it."""


@dataclass
class Log:
    """A recorded night: its lines, and what its files held in the end."""

    root: Path
    lines: list[dict[str, Any]]
    last: dict[int, bytes] = field(default_factory=dict)
    """By id: inodes are given out again."""

    @classmethod
    def read(cls, root: Path, folder: Path) -> Log:
        """The log in ``folder`` of what happened below ``root``, once all is over."""
        root = root.resolve()
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        id_of = {str(root): ROOT}
        file_of: dict[int, int] = {}  # by inode, the last file that had it: what was kept keeps its inode
        for number, line in enumerate(lines):
            what = line["what"]
            if what in ("create", "mkdir"):
                id_of[line["path"]] = number
                if what == "create":
                    file_of[line["inode"]] = number
            elif what == "rename":
                _move(id_of, line["path"], line["to"])
            elif what != "told":
                line["id"] = id_of.pop(line["path"]) if what == "remove" else id_of[line["path"]]
        kept = {file_of[int(path.name.partition("-")[2])]: path.read_bytes() for path in folder.glob("inode-*")}
        there = {number: Path(path).read_bytes() for path, number in id_of.items() if Path(path).is_file()}
        return cls(root, lines, kept | there)

    def told(self, cut: int) -> list[str]:
        """The run folders of the runs that had been told of as settled before a line."""
        return [line["run"] for line in self.lines[:cut] if line["what"] == "told"]


def _move(id_of: dict[str, int], before: str, after: str) -> None:
    """A name, and with it all that lies below it, is another from now on."""
    for path in [path for path in id_of if f"{path}/".startswith(f"{before}/")]:
        id_of[after + path.removeprefix(before)] = id_of.pop(path)


@dataclass(frozen=True)
class Crash:
    """A power cut before line ``cut``, and what chance makes of what was not safe."""

    cut: int
    way: str
    """journal | by folder"""
    luck: str
    """none: only what was safe is there; all: everything; else a seed."""

    def leave(self, log: Log, target: Path) -> None:
        """Write into ``target`` what ``log.root`` holds after it."""
        chance = random.Random(f"{self.cut} {self.way} {self.luck}")
        reach = self._reach(log, chance)
        folders: dict[int, dict[str, int]] = {ROOT: {}}
        id_of = {str(log.root): ROOT}
        for number, line in enumerate(log.lines[: self.cut]):
            if line["what"] in ("create", "mkdir", "rename", "remove"):
                self._apply(line, number, folders, id_of, reach)
        self._write(folders, ROOT, target, self._contents(log, chance))

    def _reach(self, log: Log, chance: random.Random) -> dict[int, int]:
        """By folder the line up to which its names are on disk."""
        lines = log.lines[: self.cut]
        safe = {ROOT: 0, **{number: 0 for number, line in enumerate(lines) if line["what"] == "mkdir"}}
        saves = [(number, line["id"]) for number, line in enumerate(lines) if line["what"] in ("save", "save_names")]
        for number, what in saves:
            for folder in safe if self.way == "journal" else safe.keys() & {what}:
                safe[folder] = number
        if self.luck == "all":
            return dict.fromkeys(safe, self.cut)
        if self.luck == "none":
            return safe
        if self.way == "journal":
            return dict.fromkeys(safe, chance.randint(safe[ROOT], self.cut))
        return {folder: chance.randint(number, self.cut) for folder, number in safe.items()}

    def _apply(
        self, line: dict[str, Any], number: int, folders: dict[int, dict[str, int]], id_of: dict[str, int],
        reach: dict[int, int],
    ) -> None:  # fmt: skip
        """What a line does to the names; on disk only where that has been reached."""
        what, (parent, _, name) = line["what"], line["path"].rpartition("/")
        holder = id_of[parent]
        entries = folders[holder] if number < reach[holder] else {}
        if what == "remove":
            del id_of[line["path"]]
            entries.pop(name, None)
        elif what == "rename":
            assert line["to"].rpartition("/")[0] == parent, "a night moves nothing from folder to folder"
            _move(id_of, line["path"], line["to"])
            entries.pop(name, None)
            entries[line["to"].rpartition("/")[2]] = id_of[line["to"]]
        else:
            id_of[line["path"]] = entries[name] = number
            if what == "mkdir":
                folders[number] = {}

    def _contents(self, log: Log, chance: random.Random) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for number, last in log.last.items():
            whole = [last, last[: len(last) // 2], b""]
            found[number] = {"all": last, "none": b""}.get(self.luck, chance.choice(whole))
        for line in log.lines[: self.cut]:
            if line["what"] == "save":
                saved = bytes.fromhex(line["content"])
                found[line["id"]] = log.last.get(line["id"], saved) if self.luck == "all" else saved
        return found

    def _write(
        self, folders: dict[int, dict[str, int]], folder: int, target: Path, contents: dict[int, bytes]
    ) -> None:  # fmt: skip
        target.mkdir(parents=True)
        for name, below in folders[folder].items():
            if below in folders:
                self._write(folders, below, target / name, contents)
            else:
                (target / name).write_bytes(contents.get(below, b""))


def crashes(log: Log, count: int, seed: int) -> list[Crash]:
    """So many power cuts at seeded lines, each file system and kind of luck among them."""
    chance = random.Random(seed)
    ways, lucks = ("journal", "by folder"), ("none", "all", "chance", "chance", "chance")
    return [
        Crash(
            chance.randint(1, len(log.lines)), ways[number % 2],
            luck if (luck := lucks[number // 2 % len(lucks)]) != "chance" else f"{seed}-{number}",
        )
        for number in range(count)
    ]  # fmt: skip


def all_crashes(log: Log, lucks_each: int) -> list[Crash]:
    """A power cut before every line that changes names or makes something safe, on each file system."""
    lines = [number + 1 for number, line in enumerate(log.lines)]
    lucks = ("none", "all", *(f"luck {number}" for number in range(lucks_each)))
    return [Crash(cut, way, luck) for cut in lines for way in ("journal", "by folder") for luck in lucks]
