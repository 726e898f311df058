"""Reports as files: the same bytes whoever makes them, JSON by its schema, and paper that people and machines can read."""

import json
import pathlib
import re
import subprocess

import jsonschema
import pypdf
import pypdfium2
import pytest

import month
from conftest import binary

SCHEMA = pathlib.Path(__file__).parents[2] / "docs/schema/report.schema.json"
FORMS = ["json", "csv", "md", "txt", "html"]
# Of an A4 page at 60 dots an inch: printed letters cover some of it, and never most.
DOTS, LEAST_INK, MOST_INK = 60, 0.001, 0.5


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with month.served(tmp_path_factory.mktemp("documents")) as (server, _):
        yield server


@pytest.fixture(scope="module")
def papers(served, tmp_path_factory):
    """Each report as a PDF file and in JSON."""
    folder, made = tmp_path_factory.mktemp("papers"), {}
    for kind in month.PERIODS:
        file = folder / f"{kind}.pdf"
        assert month.report(served, kind, "pdf", "--output", str(file)) == b""
        made[kind] = (file, month.document(served, kind))
    return made


@pytest.mark.parametrize("kind", list(month.PERIODS))
def test_the_same_period_gives_the_same_bytes_in_every_process(served, papers, kind):
    file, document = papers[kind]
    assert month.report(served, kind, "pdf") == file.read_bytes()
    assert json.loads(month.report(served, kind, "json")) == document
    for form in FORMS:
        first, second = month.report(served, kind, form), month.report(served, kind, form)
        assert first == second, form
        assert len(first) > 500, form


def test_another_server_and_the_data_directory_alone_give_the_same_report(served, papers, tmp_path):
    with month.served(tmp_path) as (other, _):
        for kind in month.PERIODS:
            assert month.report(other, kind, "html") == month.report(served, kind, "html"), kind
        assert month.report(other, "monthly", "pdf") == papers["monthly"][0].read_bytes()
    for kind, period in month.PERIODS.items():
        command = [binary("FLOWGAUGE_BIN"), "report", kind, "--period", period, "--json"]
        same = {**month.SETTINGS, "otlp.http.enabled": "false"}
        where = ["--data-dir", str(tmp_path / "data"), *(f"--set={k}={v}" for k, v in same.items())]
        done = subprocess.run([*command, *where], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert json.loads(done.stdout) == papers[kind][1], kind


def test_history_imported_without_a_server_has_its_prices(tmp_path):
    month.write(tmp_path / "history.csv", month.calls())
    (tmp_path / "prices.json").write_text(json.dumps(month.prices()))
    settings = {**month.SETTINGS, "prices": tmp_path / "prices.json"}
    where = ["--data-dir", str(tmp_path / "data"), *(f"--set={k}={v}" for k, v in settings.items())]
    for words in (["import", str(tmp_path / "history.csv")], ["report", "monthly", "--month", month.MONTH, "--json"]):
        done = subprocess.run([binary("FLOWGAUGE_BIN"), *words, *where], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
    right = month.expected(month.within(month.calls(), "monthly"))["total_cost_usd"].value
    assert month.figures(json.loads(done.stdout))["total_cost_usd"]["value"] == pytest.approx(right)


@pytest.mark.parametrize("kind", list(month.PERIODS))
def test_json_is_what_its_schema_says(papers, kind):
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(papers[kind][1])


def spoken(file):
    """The text of a PDF with its lines joined."""
    return squeezed("\n".join(page.extract_text() for page in pypdf.PdfReader(file).pages))


def squeezed(text):
    """Without spaces: a line may break anywhere between words."""
    return re.sub(r"[\s\u00a0\u00ad\u200b]+", "", text)


@pytest.mark.parametrize("kind", list(month.PERIODS))
def test_text_of_the_paper_has_every_figure_and_every_word_of_the_report(papers, kind):
    file, document = papers[kind]
    said = spoken(file)
    for words in (document["title"], document["verdict"]):
        assert squeezed(words) in said, words
    for field, figure in month.figures(document).items():
        assert squeezed(figure["text"]) in said, field
        if figure["n"] is not None and figure["value"] is not None:
            assert f"n{figure['n']:,}" in said, field
        assert field in said, field
        if figure["method"]:
            assert squeezed(figure["method"]) in said, field
    for section in document["sections"]:
        assert squeezed(section["title"]) in said, section["title"]
        for block in section["blocks"]:
            if block["type"] in ("paragraph", "note"):
                assert squeezed(block["text"]) in said, block["text"]
            if block["type"] == "chart":
                assert squeezed(block["says"]) in said, block["says"]
            for row in block["rows"] if block["type"] == "table" else []:
                for cell in row.values():
                    if cell and "text" in cell:
                        assert squeezed(cell["text"]) in said, (block["name"], cell["text"])


@pytest.mark.parametrize("kind", list(month.PERIODS))
def test_every_page_has_ink_and_its_number(papers, kind):
    file, _ = papers[kind]
    paper = pypdfium2.PdfDocument(file)
    try:
        count = len(paper)
        assert count == 1 if kind == "executive" else count >= 1
        for i in range(count):
            page = paper[i]
            grey = page.render(scale=DOTS / 72, grayscale=True).to_pil().convert("L")
            dark = sum(grey.histogram()[:128]) / (grey.width * grey.height)
            assert LEAST_INK < dark < MOST_INK, (i + 1, dark)
            text = page.get_textpage()
            assert f"{i + 1} of {count}" in text.get_text_range().replace("\r\n", " "), i + 1
            # Nothing lies beyond the margins of the paper.
            width, height = page.get_size()
            for n in range(text.count_rects()):
                left, bottom, right, top = text.get_rect(n)
                assert 30 < left <= right < width - 30 and 20 < bottom <= top < height - 20, text.get_text_bounded(left, bottom, right, top)
    finally:
        paper.close()


class Tags:
    """The tree of tags of a PDF: what stands where, and which marked content belongs to it."""

    def __init__(self, reader):
        self.reader = reader
        self.pages = {page.indirect_reference.idnum: i for i, page in enumerate(reader.pages)}
        self.root = reader.trailer["/Root"]["/StructTreeRoot"]
        self.roles = dict(self.root.get("/RoleMap", {}))
        # Of each element: its type, that of its parents, itself.
        self.elements, self.marked = [], set()
        self.walk(self.root["/K"], (), None)

    def walk(self, node, above, page):
        node = node.get_object()
        if isinstance(node, list):
            for child in node:
                self.walk(child, above, page)
            return
        if isinstance(node, int):
            self.marked.add((page, int(node)))
            return
        if "/Pg" in node:
            page = self.pages[node.raw_get("/Pg").idnum]
        if node.get("/Type") == "/MCR":
            self.marked.add((page, int(node["/MCID"])))
        elif "/S" in node:
            self.elements.append((node["/S"], above, node))
            if "/K" in node:
                self.walk(node["/K"], (*above, node["/S"]), page)

    def all(self, kind):
        return [node for name, _, node in self.elements if name == kind]


# Structure types of PDF 1.7 (ISO 32000-1, 14.8.4); others need a role.
STANDARD = set(
    "/Document /Part /Art /Sect /Div /BlockQuote /Caption /TOC /TOCI /Index /NonStruct /Private /P /H /H1 /H2 /H3 /H4 /H5 "
    "/H6 /L /LI /Lbl /LBody /Table /TR /TH /TD /THead /TBody /TFoot /Span /Quote /Note /Reference /BibEntry /Code /Link "
    "/Annot /Ruby /RB /RT /RP /Warichu /WT /WP /Figure /Formula /Form".split()
)


@pytest.mark.parametrize("kind", list(month.PERIODS))
def test_the_paper_is_tagged_as_pdf_ua_wants_it(papers, kind):
    """ISO 14289-1, what a machine can see of it: clauses in brackets."""
    file, document = papers[kind]
    reader = pypdf.PdfReader(file)
    root = reader.trailer["/Root"]
    # It says that it is PDF/UA-1 and what it is called (5, 7.1).
    xmp = root["/Metadata"].get_object().get_data().decode()
    assert re.search(r"<pdfuaid:part>1</pdfuaid:part>|pdfuaid:part=\"1\"", xmp)
    title = re.search(r"<dc:title>.*?<rdf:li[^>]*>(.*?)</rdf:li>", xmp, re.S)[1]
    assert title == document["title"] == reader.metadata.title
    assert root["/ViewerPreferences"]["/DisplayDocTitle"] is True or root["/ViewerPreferences"]["/DisplayDocTitle"].value
    # Tagged, none of it suspect, and in a language (7.1, 7.2).
    assert root["/MarkInfo"]["/Marked"] == True and root["/MarkInfo"].get("/Suspects", False) == False  # noqa: E712
    assert root["/Lang"] == "en"
    # No rule forbids reading aloud (7.16), no script, no form.
    assert not reader.is_encrypted and "/AcroForm" not in root and "/OpenAction" not in root and "/AA" not in root
    tags = Tags(reader)
    used = {name for name, _, _ in tags.elements}
    assert {tags.roles.get(n, n) for n in used} <= STANDARD, used
    assert not set(tags.roles) & (STANDARD - {"/Title"}), "a standard type is given another role (7.1)"
    # Headings begin at the first level and leave none out (7.4).
    levels = [int(n[2:]) for n, _, _ in tags.elements if re.fullmatch(r"/H\d", n)]
    assert levels and levels[0] == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:])), levels
    # Every picture has words (7.3), every one of ours the words of its chart.
    charts = [b for s in document["sections"] for b in s["blocks"] if b["type"] == "chart"]
    alts = [figure["/Alt"] for figure in tags.all("/Figure")]
    assert alts == [f"{c['title']}. {c['says']}" for c in charts]
    # Tables have heads, and every cell knows its own (7.5).
    heads = {th["/ID"] for th in tags.all("/TH") if "/ID" in th}
    tables = [(n, above) for n, above, _ in tags.elements if n == "/Table"]
    assert len(tables) == len([t for _, t in filled(document)]) + (1 if methods(document) else 0)
    assert all(attribute(th, "/Scope") in ("/Column", "/Row", "/Both") for th in tags.all("/TH"))
    for cell in tags.all("/TD"):
        named = attribute(cell, "/Headers")
        assert named and {bytes(n) if isinstance(n, bytes) else n for n in named} <= heads, cell
    parents = {n: above[-1] for n, above, _ in tags.elements if n in ("/TR", "/TH", "/TD", "/LI", "/LBody")}
    assert parents["/TD"] == "/TR" and parents["/TR"] in ("/TBody", "/THead", "/Table")
    # What is drawn is either marked as part of the text or as none (7.1), and no mark is left over.
    for i, page in enumerate(reader.pages):
        assert page["/Tabs"] == "/S" or "/Annots" not in page
        stray, ids = unmarked(page)
        assert not stray, (i + 1, stray[:5])
        assert {(i, n) for n in ids} == {(p, n) for p, n in tags.marked if p == i}, i + 1
    # Fonts come along and map to Unicode (7.21).
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            assert "/ToUnicode" in font
            inner = font["/DescendantFonts"][0].get_object()["/FontDescriptor"] if "/DescendantFonts" in font else font["/FontDescriptor"]
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(inner), font["/BaseFont"]


def attribute(node, name):
    found = node.get("/A", [])
    for one in found if isinstance(found, list) else [found]:
        if name in one.get_object():
            return one.get_object()[name]
    return None


def filled(document):
    """Tables that have rows."""
    for section in document["sections"]:
        for block in section["blocks"]:
            if block["type"] == "key_table" or (block["type"] == "table" and block["rows"]):
                yield section, block


def methods(document):
    """Whether there are key figures, which the last table lists."""
    return bool(month.figures(document))


# Operators that show text, paint a path, a shading, an object or a picture (ISO 32000-1, annex A).
DRAWING = {b"Tj", b"TJ", b"'", b'"', b"INLINE IMAGE", *(b"S s f F f* B B* b b* sh Do".split())}


def unmarked(page):
    """Operators that draw outside of any mark, and the numbers of marks, of a page."""
    content = pypdf.generic.ContentStream(page.get_contents(), page.pdf)
    inside, stray, ids = [], [], set()
    for operands, operator in content.operations:
        if operator == b"BMC":
            inside.append(operands[0])
        elif operator == b"BDC":
            inside.append(operands[0])
            if "/MCID" in operands[1]:
                ids.add(int(operands[1]["/MCID"]))
        elif operator == b"EMC":
            inside.pop()
        elif operator in DRAWING and not inside:
            stray.append(operator)
    assert inside == []
    return stray, ids


def test_an_empty_day_is_not_said_to_be_on_target(served):
    command = [binary("FLOWGAUGE_BIN"), "report", "daily", "--date", "2020-02-02", "--json", "--server", served.url]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 3, done.stderr.decode()
    document = json.loads(done.stdout)
    assert "on target" not in document["subject"] + document["verdict"], document["subject"]
    assert {f["value"] for f in month.figures(document).values()} == {None}


def test_a_week_is_shown_again_from_its_json_without_server_or_data(served, papers, tmp_path):
    file, other = tmp_path / "week.json", tmp_path / "day.json"
    file.write_bytes(month.report(served, "weekly", "json"))
    other.write_bytes(month.report(served, "daily", "json"))

    def again(*words, file=file, code=0):
        done = subprocess.run(
            [binary("FLOWGAUGE_BIN"), "report", "weekly", "--input", str(file), *words], capture_output=True, cwd=tmp_path,
        )
        assert done.returncode == code, done.stderr.decode()
        return done.stdout

    for form in ("md", "txt"):
        assert again("--format", form) == month.report(served, "weekly", form), form
    assert again("--output", "week.html") == b""
    page = (tmp_path / "week.html").read_text()
    for field, figure in month.figures(papers["weekly"][1]).items():
        assert f'data-field="{field}"' in page and figure["text"].replace("<", "&lt;") in page, field
    assert again("--format", "pdf").startswith(b"%PDF-")
    assert not (tmp_path / "flowgauge-data").exists()
    again(file=other, code=65)
    again(file=tmp_path / "none.json", code=65)
    again("--format", "docx", code=64)
