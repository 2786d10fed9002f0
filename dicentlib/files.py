"""Files that are whole or absent, text, JSON, digests, and the ready models found by name."""

import codecs
import hashlib
import json
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path

from dicentlib.errors import InputError, notice

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
NO_TEXT = (b"%PDF", b"PAR1", b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"\xd0\xcf\x11\xe0")
BYTE_ORDER_MARKS = (  # the longer first: that of UTF-32 begins with that of UTF-16
    *((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16")),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# U+FFFD, or the bytes of UTF-8 taken for the code page 1252: "MÃ¼ller", "Âµm", "Ð˜Ð²Ð°Ð½Ð¾Ð²"
HIGH = r"[\u0080-\u009f\u00a1-\u00bfŒœŠšŸŽžƒˆ˜–—‘’‚“”„†‡•…‰‹›€™]"
GARBLED = re.compile(rf"\w*(?:\ufffd|ï¿½|[ÂÃÄÅ]{HIGH}|(?:[ÎÏÐÑØÙ]{HIGH}){{2}})\w*")

INSTALLED_MODELS = Path(__file__).parent / "ready"  # where pip puts the folder models/
READY_MODELS = (
    INSTALLED_MODELS if INSTALLED_MODELS.is_dir() else Path(__file__).parents[1] / "models"
)


@contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path`; rename it to `path` only if the block succeeds.

    The temporary file keeps `path`'s suffix. A reader sees the old file or the whole new
    one, never a part. After an error nothing is left behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path, content):
    """Write `content` as JSON, atomically; NaN becomes ``null``."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(_for_json(content), indent=2, allow_nan=False) + "\n")


def read_text(path):
    """Text of a file in UTF-8, UTF-16 or UTF-32, or in the code page of a western Windows.

    Without a byte order mark UTF-16 is recognised by its zero bytes. What is not UTF-8 either
    is read as code page 1252, with an :class:`~dicentlib.errors.InputWarning`, because letters
    such as umlauts may be others than the writer's.

    Raises
    ------
    InputError
        The file is absent or cannot be read, or is no text in one of these encodings.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    refuse_pointer(path)
    if content.startswith(NO_TEXT):
        raise InputError(f"{path}: no text file (it begins with {content[:4]!r})")
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), None)
    if encoding is None and content[:2] != b"\0\0":
        encoding = {content[:1]: "utf-16-be", content[1:2]: "utf-16-le"}.get(b"\0")
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise InputError(f"{path}: no text in {encoding.upper()} ({error.reason})") from error
        text = _western_text(path, content)
    if "\0" in text:
        raise InputError(
            f"{path}: no text file (it contains zero bytes; was it completely written or "
            "downloaded?)"
        )
    _notice_garbled(path, text)
    return text


def refuse_pointer(path):
    """Raise InputError where a file is Git LFS's pointer to it, as after a clone without LFS."""
    with open(path, "rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise InputError(
                f"{path}: a Git LFS pointer, not the file itself; get it with 'git lfs pull' in "
                "its repository, or download it again"
            )


def _western_text(path, content):
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    # three such letters in a row are another script, read with the wrong code page
    strange = re.search(r"[^\x00-\x7f]{3}", text)
    if not text or strange:
        raise InputError(
            f"{path}: text in another encoding than UTF-8, UTF-16 or Windows 1252; save it as "
            "UTF-8 (in Excel: file type 'CSV UTF-8')"
        )
    example = re.search(r"\w*[^\x00-\x7f]\w*", text)[0]
    notice(
        f"{path}: not UTF-8; read as the Windows code page 1252, check names such as "
        f"{example[:40]!r} or save the file as 'CSV UTF-8'"
    )
    return text


def _notice_garbled(path, text):
    """Say which word another program has garbled, because it read it in a wrong encoding."""
    if garbled := GARBLED.search(text):
        notice(
            f"{path}: {garbled[0][:40]!r} has garbled letters, because a program used another "
            "encoding; read as it is. Check such names, or export the file as UTF-8"
        )


def read_json(path):
    """Read a JSON file, in the encodings of :func:`read_text`.

    Raises
    ------
    InputError
        The file is absent, is no text or is not JSON, or an object of it has a name twice.
    """

    def once(pairs):
        content = dict(pairs)
        if len(content) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{path}: {twice!r} occurs twice in one object; expected it once")
        return content

    try:
        return json.loads(read_text(path), object_pairs_hook=once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from error


def _for_json(value):
    if isinstance(value, dict):
        return {str(key): _for_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_for_json(item) for item in value]
    if hasattr(value, "tolist"):
        return _for_json(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def file_digest(path):
    """SHA-256 of a file's bytes, as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(content):
    """SHA-256 of plain data (dicts, lists, numbers, text), independent of key order."""
    text = json.dumps(_for_json(content), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def find_model(place):
    """The place itself where it exists, else the folder of the ready model of that name.

    Parameters
    ----------
    place : path-like
        A file, a folder, or a name as ``"giemsa-small"``: the ready models are installed with
        the package.

    Returns
    -------
    pathlib.Path
        `place` unchanged where it is neither there nor the name of a ready model.

    Examples
    --------
    >>> find_model("filter-small").name, find_model("no such place").name
    ('filter-small', 'no such place')
    """
    place = Path(place)
    ready = READY_MODELS / place
    by_name = len(place.parts) == 1 and not place.exists() and ready.is_dir()
    return ready if by_name else place


def ready_models(content):
    """Names of the ready models that hold `content`, a file or folder, separated by commas."""
    return ", ".join(sorted(path.parent.name for path in READY_MODELS.glob(f"*/{content}")))
