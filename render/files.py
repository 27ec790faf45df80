"""Writes a file at once or not at all, with errors that say what to do."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from render.errors import RenderError


def checked(path: str | os.PathLike[str]) -> Path:
    """`path`, once it is sure that a file can be written there.

    Raises:
        RenderError: Its folder is missing or read-only, or it is a folder itself.
    """
    target = Path(path)
    folder = target.parent
    if not folder.exists():
        raise RenderError(f"cannot write {target}: the folder {folder} does not exist (make it first)")
    if not folder.is_dir():
        raise RenderError(f"cannot write {target}: {folder} is a file, not a folder")
    if target.is_dir():
        raise RenderError(f"cannot write {target}: it is a folder (give the name of a file in it)")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RenderError(f"cannot write {target}: the folder {folder} is read-only (choose another with -o)")
    return target


def replace(target: Path, content: str | bytes) -> Path:
    """Writes `content` to a temporary file beside `target`, then puts it in its place in one step.

    Raises:
        RenderError: The disk is full or the folder cannot be written to; what was there before is still there.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except OSError as error:
        raise RenderError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
    return target


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those that a new file gets."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
