"""XML that strangers wrote: screened before ObsPy sees it.

A document type or an entity can make a parser read other files or fill the memory. Neither QuakeML
nor StationXML needs them, so that a file holding one is refused. The text that was screened is the
text that is parsed: it is decoded here and handed over as UTF-8, whatever its declaration says.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lxml import etree  # type: ignore[import-untyped]

from seisnb.conventions import FileFormatError
from seisnb.io.lines import TextFile, listed

_DECLARATION = re.compile(r"\s*<\?xml.*?\?>", re.DOTALL)
_ROOT = re.compile(r"<(?!\?|!)(?:[\w.-]+:)?([\w.-]+)")
_SEARCHED = 20_000


def root_name(text: TextFile) -> str:
    """Name of the root element without its prefix, "" where the text is not XML."""
    start = "\n".join(text.lines)[:_SEARCHED].lstrip()
    if not start.startswith("<"):
        return ""
    match = _ROOT.search(re.sub(r"<!--.*?-->", "", start, flags=re.DOTALL))
    return match[1] if match else ""


def screened(text: TextFile, *, root: str, what: str, where: str) -> bytes:
    """The document as UTF-8, well-formed, without document type, with the expected root.

    Parameters
    ----------
    text : TextFile
        The file.
    root, what : str
        Name of the root element and of the format, for the message.
    where : str
        The public function's name, for messages.

    Raises
    ------
    FileFormatError
        Not well-formed, another root, or a document type or entity.
    """
    document = _DECLARATION.sub("", "\n".join(text.lines), count=1)
    for mark in ("<!DOCTYPE", "<!ENTITY"):
        if mark in document.upper():
            number = 1 + document[: document.upper().index(mark)].count("\n")
            raise FileFormatError(
                f"{where}: {text.name}, line {number}: there is a {mark}, which could read other "
                f"files or fill the memory; expected {what} without one. Remove it, if you trust "
                "the file."
            )
    data = document.strip().encode()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        found = etree.QName(etree.fromstring(data, parser)).localname
    except etree.XMLSyntaxError as error:
        raise FileFormatError(
            f"{where}: {text.name} is no well-formed XML ({error.msg}); expected {what}. Was it "
            "saved fully?"
        ) from None
    if found != root:
        raise FileFormatError(
            f"{where}: {text.name} has the root element <{found}>; expected {what}, <{root}>."
        )
    return data


@contextmanager
def warnings_noted(notes: list[str], reader: str) -> Iterator[None]:
    """Turn warnings of a reader into one note, so that nobody has to watch the terminal."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    told = dict.fromkeys(
        " ".join(str(w.message).split()) for w in caught
        if not issubclass(w.category, DeprecationWarning)
    )  # fmt: skip
    if told:
        notes.append(f"{reader} warns: {listed(told)}")
