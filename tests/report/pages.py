"""A rendered report as tests look at it, by the standard library's parser: elements, ids, links, tables."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr", "path", "circle", "rect"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    children: list = field(default_factory=list)
    parent: "Element | None" = None

    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)

    def all(self, tag: str = "") -> list["Element"]:
        found = []
        for child in self.children:
            if isinstance(child, Element):
                found += [child] * (not tag or child.tag == tag) + child.all(tag)
        return found


class Page(HTMLParser):
    """Parses strictly: an end tag that closes no open element, or an element left open, is an error."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.root = self._open = Element("root", {})
        self.feed(html)
        self.close()
        assert self._open is self.root, f"<{self._open.tag}> is never closed"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, dict(attrs), parent=self._open)
        self._open.children.append(element)
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag, attrs):
        self._open.children.append(Element(tag, dict(attrs), parent=self._open))

    def handle_endtag(self, tag):
        assert self._open.tag == tag, f"</{tag}> where <{self._open.tag}> is open"
        assert self._open.parent is not None
        self._open = self._open.parent

    def handle_data(self, data):
        self._open.children.append(data)

    def by_id(self, identifier: str) -> Element:
        return next(e for e in self.root.all() if e.attributes.get("id") == identifier)

    def table(self, identifier: str) -> list[dict[str, str]]:
        """Return a table's rows, each as raw values by column key, as the download has them."""
        table = self.by_id(identifier)
        keys = [header.attributes["data-key"] or "" for header in table.all("th")]
        return [
            {
                key: (cell.attributes.get("data-v", cell.text().strip()) or "")
                for key, cell in zip(keys, row.all("td"), strict=True)
            }
            for row in table.all("tbody")[0].all("tr")
        ]
