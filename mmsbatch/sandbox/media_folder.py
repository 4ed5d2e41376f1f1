"""Local files under an address that passes the gateway's rules, in the sandbox only.

So a picture is tried before it is hosted: ``http://www.sandbox.invalid/noel.jpg`` is the file
``noel.jpg`` of a folder. ``.invalid`` is no domain of the internet, so it can never be somebody's.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from mmsbatch.errors import InputError
from mmsbatch.sandbox.checks import MediaFact

HOST = "www.sandbox.invalid"


class MediaFolder:
    """A folder of files; None has none."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and not folder.is_dir():
            raise InputError(f"media folder {str(folder)!r} is no folder: give one that exists")
        self.folder = folder

    def file(self, name: str) -> Path | None:
        """Return a file of the folder, by a name that does not lead out of it."""
        if self.folder is None:
            return None
        found = (self.folder / name).resolve()
        inside = found.is_relative_to(self.folder.resolve())
        return found if inside and found.is_file() else None

    def name_of(self, url: str) -> str | None:
        """Return the name of the file that an address stands for; None if another server has it."""
        begins = f"http://{HOST}/"
        return unquote(urlsplit(url).path.lstrip("/")) if url.startswith(begins) else None

    def page_of(self, url: str) -> str | None:
        """Return where a page finds the file of an address, if it is there."""
        name = self.name_of(url)
        return f"/media/{urlsplit(url).path.lstrip('/')}" if name and self.file(name) else None

    def fact(self, url: str) -> MediaFact | None:
        """Return what the gateway would find at an address of this folder; None of another's."""
        name = self.name_of(url)
        if name is None or self.folder is None:
            return None
        file = self.file(name)
        if file is None:
            return MediaFact(downloadable=False)
        return MediaFact(size_bytes=file.stat().st_size)
