"""Which kind of file system a folder is on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p"}
    | {f"fuse.{name}" for name in ("sshfs", "s3fs", "rclone", "goofys", "gcsfuse", "blobfuse2")}
)


def network_file_system(folder: Path) -> str:
    """Return the kind of a network file system that a folder is on; empty if it is on none.

    Where the system does not say what is mounted (other than Linux), it is empty too.
    """
    path = folder.resolve()
    found, longest = "", -1
    for place, kind in _mounts():
        inside = path == place or place in path.parents
        if inside and len(place.parts) >= longest:  # the last one mounted there hides the others
            found, longest = kind, len(place.parts)
    return found if found in _NETWORK else ""


def _mounts() -> list[tuple[Path, str]]:
    """Return where something is mounted, and its kind; see proc_pid_mountinfo(5)."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    mounts = []
    for line in lines:
        before, separator, behind = line.partition(" - ")
        fields = before.split(" ")
        if separator and len(fields) > 4:  # noqa: PLR2004
            place = fields[4].replace("\\040", " ")
            mounts.append((Path(place), behind.split(" ")[0]))
    return mounts
