"""Runs a notebook with checked parameters and keeps the executed copy with its run: papermill.

What papermill lacks: an unknown parameter or one of another type is an error before anything
runs, credentials are refused, no copy overwrites another, and the error of the notebook is the
error of the command.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from mmsbatch import errors, hints
from mmsbatch.errors import InputError, MmsbatchError, RunInDoubt, RunStopped, nearest
from mmsbatch.notebook import parameters
from mmsbatch.notebook.parameters import Parameter
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.locations import runs_folder
from mmsbatch.runs.names import run_name
from mmsbatch.runs.report import DONE, IN_DOUBT, RunReport
from mmsbatch.runs.run import status

_HERE: Final = Path(__file__).parent.parent
_FOLDERS: Final = (_HERE / "_notebooks", _HERE.parent / "notebooks")  # an installation; a checkout
_SUFFIX: Final = ".ipynb"


@dataclass(frozen=True)
class Executed:
    """A notebook that went to its end."""

    notebook: str
    path: Path
    """The executed copy."""
    report: RunReport | None
    """Where the run stands that the notebook acted on, if it acted on one."""
    figures: tuple[str, ...] = ()
    """What the cells tagged ``figures`` show, as text."""

    @property
    def exit_code(self) -> int:
        """The run's; 0 if there is none."""
        return self.report.exit_code if self.report else DONE

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return {
            "notebook": self.notebook,
            "executed": str(self.path),
            "run": self.report.to_json() if self.report else None,
        }


def shipped() -> dict[str, Path]:
    """Return the notebooks of this package by name."""
    return {path.stem: path for folder in _FOLDERS for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def find(notebook: str) -> Path:
    """Return the file of a notebook: one of this package's by name, or a path.

    Raises
    ------
    InputError
        There is none.
    """
    if not notebook.endswith(_SUFFIX) and Path(notebook).name == notebook:
        known = shipped()
        if notebook in known:
            return known[notebook]
        raise InputError(
            f"there is no notebook {notebook!r}.{nearest(notebook, known)} Give one of "
            f"{', '.join(known)}, or the path of a file that ends in {_SUFFIX}"
        )
    path = Path(notebook).expanduser()
    if not path.is_file() or path.suffix != _SUFFIX:
        raise InputError(f"{notebook} is no notebook: give a file that ends in {_SUFFIX}")
    return path


def execute(
    notebook: str, words: Sequence[str] = (), *, out: Path | None = None, bar: bool = False
) -> Executed:
    """Run a notebook.

    Parameters
    ----------
    notebook
        A name such as ``campaign``, or a path.
    words
        Its parameters, ``name=value`` each.
    out
        Where the executed copy goes. Without it: into the run's folder, where the notebook has a
        parameter ``run``; else into ``.notebooks`` of its ``runs_dir`` (None: `runs_folder`).
    bar
        Whether to show how many cells are done.

    Raises
    ------
    InputError
        Nothing was run (a parameter, the notebook, the extra that is missing), or the notebook
        itself raised one: nothing was sent.
    MmsbatchError
        What the notebook raised, with the place of the executed copy.
    """
    parameters.refuse_credentials(words, [os.environ.get("MMSBATCH_PASSCODE", "")])
    source = find(notebook)
    known = _declared(source)
    values = parameters.given(words, known, source.name)
    place = _Destination.of(source, known, values, out)
    papermill = _papermill()
    with _copy(place) as copy, _quiet():
        try:
            papermill.execute_notebook(
                parameters.as_template(source),
                parameters.as_template(copy.path),
                parameters=values,
                engine_name=copy.engine,
                kernel_name="python3",
                language="python",
                progress_bar=bar,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(*_broken_off(place)) from None
        except Exception as error:  # noqa: BLE001  (papermill, nbclient, kernel: no common base)
            copy.failed = error
    if copy.failed is not None:
        raise _as_ours(copy.failed, place, copy.kept) from None
    assert copy.kept is not None  # noqa: S101  (papermill has written it)
    return Executed(source.stem, copy.kept, place.report(), tuple(_figures(copy.kept)))


def _figures(executed: Path) -> Iterator[str]:
    """Return what the cells tagged ``figures`` show, as text."""
    for cell in json.loads(executed.read_text(encoding="utf-8"))["cells"]:
        if "figures" in cell["metadata"].get("tags", ()):
            for output in cell["outputs"]:
                text = output.get("text") or output.get("data", {}).get("text/plain")
                if text:
                    yield "".join(text).rstrip("\n")


# ----- where the copy goes -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Destination:
    """Where a notebook's executed copy belongs."""

    name: str
    runs_dir: Path
    run: RunFolder | None
    acts: bool
    """Whether the notebook acts on the run, and does not only look at it."""
    out: Path | None
    ours: bool
    """Whether it is the package's own, which sends to this run and to no other."""

    @classmethod
    def of(
        cls, source: Path, known: dict[str, Parameter], values: dict[str, Any], out: Path | None
    ) -> _Destination:
        default = {name: parameter.default for name, parameter in known.items()}
        settings = default | values
        ours = source in shipped().values()
        runs_dir, run = settings.get("runs_dir"), settings.get("run")
        if out is not None:
            if out.suffix != _SUFFIX:
                raise InputError(f"--out {out}: an executed notebook's name ends in {_SUFFIX}")
            if out.exists():
                raise InputError(f"--out {out} exists, and is not written over: give another name")
            if not out.parent.is_dir():
                raise InputError(f"--out {out}: there is no folder {out.parent}; make it first")
        if runs_dir is None and "runs_dir" in known:
            runs_dir = _short(runs_folder())  # as the notebook itself will find it
        if not isinstance(runs_dir, str):
            if out is None:
                raise InputError(
                    f"{source.name} has no parameter runs_dir: give --out FILE{_SUFFIX} for the "
                    "executed copy"
                )
            return cls(source.stem, out.parent, None, acts=False, out=out, ours=ours)
        folder = None
        if isinstance(run, str):
            folder = RunFolder(Path(runs_dir).expanduser() / run_name(run, settings.get("date")))
        return cls(source.stem, Path(runs_dir).expanduser(), folder, "target" in known, out, ours)

    def report(self) -> RunReport | None:
        """Return where the run stands that the notebook acted on."""
        if self.run is None or not self.acts or not self.run.exists():
            return None
        return status(self.run.path)

    def name_for(self, *, failed: bool) -> Iterator[Path]:
        """Return the names the copy may have, in order."""
        if self.out is not None:
            yield self.out
        folder, stem = self.runs_dir / (".failed" if failed else ".notebooks"), self.name
        if self.run is not None and self.run.exists():
            folder = self.run.path / "notebooks"
        elif self.run is not None:
            stem = f"{self.run.name}-{self.name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        yield from (folder / f"{stem}-{number}{_SUFFIX}" for number in count(1))


class _Copy:
    """The copy while papermill writes it: beside the run, whose folder must be made first."""

    def __init__(self, path: Path, engine: str) -> None:
        self.path = path
        self.engine = engine
        self.failed: Exception | None = None
        self.kept: Path | None = None


@contextmanager
def _copy(place: _Destination) -> Iterator[_Copy]:
    """Make room for the executed copy, and move it to where it belongs, whatever happens."""
    from mmsbatch.notebook.engine import ENGINE, secrets  # noqa: PLC0415  (an extra)

    # Beside where it goes: a file cannot be renamed into another filesystem.
    beside = place.out.parent if place.out else place.runs_dir
    try:
        beside.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(  # mode 0600
            dir=beside, prefix=f".{place.name}.", suffix=_SUFFIX
        )
    except OSError as error:
        raise InputError(f"{beside} cannot be written ({error}): nothing was run") from None
    os.close(handle)
    copy = _Copy(Path(path), ENGINE)
    failed = True
    try:
        yield copy
        failed = copy.failed is not None
    finally:
        if copy.path.stat().st_size == 0:
            copy.path.unlink()
        else:
            copy.kept = _kept(copy.path, place, secrets(), failed=failed)


def _kept(path: Path, place: _Destination, secrets: list[str], *, failed: bool) -> Path:
    """Move the copy to where it belongs; where that cannot be done, it stays where it is."""
    try:
        final = _claimed(place, failed=failed)
        _finish(path, final, secrets)
        return path.replace(final)
    except OSError:  # what the notebook did is more worth telling
        return path


def _claimed(place: _Destination, *, failed: bool) -> Path:
    """Make the first name that is free, so that nobody else takes it."""
    for path in place.name_for(failed=failed):
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            return path
    raise AssertionError  # the names never end


def _finish(path: Path, final: Path, secrets: list[str]) -> None:
    """Let the copy say where it is, and look a last time for what must not be in it."""
    with suppress(ValueError):
        whole = json.loads(path.read_text(encoding="utf-8"))
        whole.get("metadata", {}).get("papermill", {})["output_path"] = str(final)
        for cell in whole.get("cells", ()):
            cell["outputs"] = parameters.without(secrets, cell.get("outputs", []))
            if cell["cell_type"] != "code":
                del cell["outputs"]
        text = json.dumps(whole, ensure_ascii=False, indent=1)
        path.write_text(f"{text}\n", encoding="utf-8")


def _short(path: Path) -> str:
    """Return a path as it is seen from the current folder, if it is in it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


# ----- what went wrong ---------------------------------------------------------------------------


def _as_ours(error: Exception, place: _Destination, kept: Path | None) -> MmsbatchError:
    """Return the error of a notebook as an error of this package: its type gives the exit code."""
    kind, said = type(error).__name__, str(error)
    name, value = getattr(error, "ename", None), getattr(error, "evalue", None)
    if isinstance(name, str):  # raised in a cell
        kind, said = name, str(value)
    where = f"\nThe executed notebook is {kept}" if kept else ""
    ours = getattr(errors, kind, None)
    if isinstance(ours, type) and issubclass(ours, MmsbatchError):
        return ours(f"{said}{where}")
    text = f"{place.name} failed with {kind}: {said}"
    report = place.report()
    if report is not None and report.exit_code == IN_DOUBT:
        return RunInDoubt(f"{text}. Rows of run {report.run} are in doubt{where}")
    if report is not None:
        return RunStopped(f"{text}{where}")
    if not place.acts:
        return MmsbatchError(f"{text}{where}")
    if place.ours:
        return InputError(f"{text}. Its run was not begun: nothing was sent{where}")
    return MmsbatchError(
        f"{text}. Its run was not begun; what it may have sent as another run is not known here: "
        f"`{hints.audit(place.runs_dir)}` tells{where}"
    )


def _broken_off(place: _Destination) -> list[str]:
    report = place.report()
    if report is None or report.exit_code != IN_DOUBT:
        return []
    evidence = hints.reconcile(report.path, live=report.target == "live")
    return [
        f"broken off, and rows of run {report.run} are in doubt: `{evidence}` looks for evidence"
    ]


# ----- papermill ---------------------------------------------------------------------------------


def _papermill() -> Any:
    """Import the extra."""
    try:
        import ipykernel  # noqa: F401, PLC0415
        import papermill  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"running a notebook needs a package that is not installed ({error.name}): "
            f"`{hints.install('jupyter', 'papermill', 'matplotlib')}`"
        ) from None
    return papermill


def declared(notebook: str) -> dict[str, Parameter]:
    """Return the parameters of a notebook, by name or path."""
    return _declared(find(notebook))


def copy_notebooks(folder: Path) -> list[Path]:
    """Put the notebooks of this package into a folder; what is there already is left alone.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    made = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in shipped().values():
            place = folder / source.name
            if not place.exists():
                shutil.copyfile(source, place)
                made.append(place)
    except OSError as error:
        raise InputError(f"{folder} cannot be written to: {error}") from None
    return made


def _declared(source: Path) -> dict[str, Parameter]:
    try:
        whole = json.loads(source.read_text(encoding="utf-8"))
        cells, metadata = whole["cells"], whole["metadata"]
        marked = [one for one in cells if "parameters" in one["metadata"].get("tags", ())]
        language = metadata.get("kernelspec", {}).get("language", "python")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{source} cannot be read as a notebook ({error!r})") from None
    if language != "python":
        raise InputError(f"{source} is a notebook in {language}: only Python is run here")
    return parameters.declared("".join(marked[0]["source"])) if marked else {}


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold papermill's remarks back: it does not know ``int | None``, and calls it unknown."""
    log = logging.getLogger("papermill")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
