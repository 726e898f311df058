"""Reports as mail: sent by jobs over STARTTLS with a password, read by Python's parser, judged by caniemail's data."""

import csv
import html.parser
import io
import json
import re
import subprocess

import pypdf
import pytest
from PIL import Image

import mailbox
import month
from conftest import binary, wait_for

JOBS = {"report-daily": "daily", "report-weekly": "weekly", "report-monthly": "monthly"}
TO = ["Ana <ana@flow.example>", "ops@flow.example"]
# Gmail cuts what is longer.
LIMIT = 100_000
# What layout by tables with inline styles is made of; a mail has nothing beside.
TAGS = set("html head meta title body table thead tbody tr th td h1 h2 p strong span code ul li a img br wbr data".split())
# caniemail knows clients that lack these, and a report reads well there: the words beside it say why.
BEARABLE = {
    "<body> element": "its style is lost, the program's own margins and colours stay",
    "role attribute": "a layout table is announced as a table",
    "height property": "`auto` is what there is without it",
    "<wbr> element": "long words break elsewhere, or nowhere as before",
}


@pytest.fixture(scope="module")
def mailed(tmp_path_factory):
    """Server, calls, mailbox, and the letter of each kind of report."""
    directory, box = tmp_path_factory.mktemp("mail"), mailbox.Mailbox()
    post = mailbox.serve(box)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MAIL_PASSWORD", mailbox.PASSWORD)
        config = mailbox.configuration(directory, post.port, TO)
        try:
            with month.served(directory, config=config) as (server, calls):
                letters = {}
                for job, kind in JOBS.items():
                    run(server, job, month.PERIODS[kind])
                    wait_for(f"the letter of {job}", lambda: len(box.letters) > len(letters))
                    letters[kind] = box.letters[-1]
                yield server, calls, box, letters
        finally:
            post.stop()


def run(server, job, period, *more):
    command = [binary("FLOWGAUGE_BIN"), "jobs", "run", job, "--period", period, "--channel", "mail", *more]
    done = subprocess.run([*command, "--json", "--server", server.url], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def letter(mailed, kind):
    return mailbox.read(mailed[3][kind][2])


def parts(mailed, kind):
    """Text, HTML, pictures by content id, and files by name."""
    mixed = letter(mailed, kind)
    assert mixed.get_content_type() == "multipart/mixed"
    alternative, *files = mixed.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    plain, related = alternative.iter_parts()
    assert (plain.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    rich, *pictures = related.iter_parts()
    assert rich.get_content_type() == "text/html"
    for text in (plain, rich):
        assert text.get_content_charset() == "utf-8" and text["Content-Transfer-Encoding"] == "quoted-printable"
    for attached in files:
        assert attached.get_content_disposition() == "attachment" and attached["Content-Transfer-Encoding"] == "base64"
    shown = {p["Content-ID"].strip("<>"): p.get_content() for p in pictures}
    assert all(p.get_content_type() == "image/png" for p in pictures)
    return plain.get_content(), rich.get_content(), shown, {f.get_filename(): f for f in files}


class Page(html.parser.HTMLParser):
    """Every element with its attributes, and the words of every table row."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.rows, self.words, self.deep = [], [], "", 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag == "br":
            self.handle_data("\n")

    def handle_data(self, data):
        self.words += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.mark.parametrize("kind", list(JOBS.values()))
def test_the_head_says_whose_letter_it_is_and_how_to_leave(mailed, kind):
    server, _, box, letters = mailed
    head, document = letter(mailed, kind), month.document(server, kind)
    assert head["From"] == mailbox.SENDER
    assert [a.addr_spec for a in head["To"].addresses] == letters[kind][1] == ["ana@flow.example", "ops@flow.example"]
    # Longer subjects are cut where nobody would see more of them.
    assert head["Subject"] == document["subject"][:200] or head["Subject"].rstrip("…") in document["subject"]
    assert re.fullmatch(r"<[0-9a-f]{32}\.\d+@flow\.example>", head["Message-ID"])
    assert head["Auto-Submitted"] == "auto-generated"
    assert head["List-Id"] == "<flowgauge-reports.flow.example>"
    assert head["List-Unsubscribe"] == "<mailto:reports@flow.example?subject=unsubscribe>"
    assert abs(head["Date"].datetime.timestamp() - letters[kind][0]) < 120
    assert all(box.accounts), "sent after giving the password"
    raw = letters[kind][2]
    assert all(len(line) <= 998 for line in raw.split(b"\r\n")) and raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"") and b"\r" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("kind", list(JOBS.values()))
def test_pictures_are_png_that_the_html_shows_and_says(mailed, kind):
    _, rich, pictures, _ = parts(mailed, kind)
    shown = [a for tag, a in Page(rich).elements if tag == "img"]
    assert [a["src"].removeprefix("cid:") for a in shown] == list(pictures) and len(set(pictures)) == len(pictures) >= 2
    document = month.document(mailed[0], kind)
    charts = [b for s in document["sections"] for b in s["blocks"] if b["type"] == "chart"]
    assert [a["alt"] for a in shown] == [f"{c['title']}. {c['says']}" for c in charts]
    for a in shown:
        assert re.search(r"\d", a["alt"]), "words that state the number"
        with Image.open(io.BytesIO(pictures[a["src"].removeprefix("cid:")])) as picture:
            assert picture.format == "PNG"
            picture.load()
            colours = picture.convert("RGB").getcolors(maxcolors=1 << 20)
            assert picture.width >= 640 and len(colours) > 3, "a drawing and not a blank"
            assert max(colours)[1] == (255, 255, 255), "drawn on white: it holds on dark paper too"


@pytest.mark.parametrize("kind", list(JOBS.values()))
def test_the_html_is_small_and_plain_and_loads_nothing(mailed, kind):
    text, rich, pictures, _ = parts(mailed, kind)
    assert len(rich.encode()) < LIMIT
    page = Page(rich)
    assert {tag for tag, _ in page.elements} <= TAGS
    for tag, a in page.elements:
        assert not set(a) - {"style", "href", "src", "alt", "width", "role", "align", "cellpadding", "cellspacing",
                             "border", "lang", "charset", "valign", "scope", "colspan"}, (tag, a)
        style = a.get("style", "")
        assert not re.search(r"url\(|flex|grid|var\(|light-dark|position|float|@|!important|calc\(", style), (tag, style)
        if tag == "img":
            assert a["src"].startswith("cid:") and a["alt"] and a["width"]
        if tag == "a":
            assert a["href"].startswith(("http://", "https://", "mailto:")), a
    assert "data:" not in re.sub(r"[a-z]data:", "", rich) and "<svg" not in rich and "<style" not in rich
    assert not re.search(r"""(src|background)=["']https?:""", rich)
    # With pictures off the words are all there.
    for word in re.findall(r"\d[\d,.]*", " ".join(a["alt"] for t, a in page.elements if t == "img")):
        assert word in page.words


@pytest.mark.parametrize("kind", list(JOBS.values()))
def test_mail_programs_support_what_the_html_uses(mailed, kind, node, tmp_path):
    _, rich, _, _ = parts(mailed, kind)
    file = tmp_path / "letter.html"
    file.write_text(rich, encoding="utf-8")
    told = node("mail/check.mjs", file)
    assert told["version"] == "2.0.2"
    lacking = {feature: who for feature, who in told["lacking"].items() if feature not in BEARABLE}
    assert not lacking, lacking
    # It sees what it should.
    file.write_text(rich.replace("<body style=\"", "<body style=\"display:flex;"), encoding="utf-8")
    assert "display:flex" in node("mail/check.mjs", file)["lacking"]


@pytest.mark.parametrize("kind", list(JOBS.values()))
def test_text_html_and_files_of_the_letter_say_the_same_figures(mailed, kind):
    server, calls, _, _ = mailed
    text, rich, _, files = parts(mailed, kind)
    document = month.document(server, kind)
    name = document["id"]
    assert set(files) == {f"{name}.{form}" for form in ("html", "json", "csv", "pdf")}
    # The attached files are the reports that the command makes.
    bodies = {f.rsplit(".", 1)[1]: part.get_payload(decode=True) for f, part in files.items()}
    assert json.loads(bodies["json"]) == document
    for form in ("csv", "html", "pdf"):
        assert bodies[form] == month.report(server, kind, form), form
    assert text.split() == month.report(server, kind, "txt").decode().split()
    known, page = month.figures(document), Page(rich)
    # A row of many columns stands as its name and a line for each.
    methods = {row[0]: row[1].split("\n") for row in page.rows if len(row) == 2 and row[0] in known}
    paper = "".join("".join(p.extract_text().split()) for p in pypdf.PdfReader(io.BytesIO(bodies["pdf"])).pages)
    in_csv = {r["field"]: r for r in csv.DictReader(io.StringIO(bodies["csv"].decode())) if r["table"] == "key"}
    for field, figure in known.items():
        n = "–" if figure["n"] is None else f"{figure['n']:,}"
        assert methods[field][:2] == [f"Value: {figure['text']}", f"n: {n}"], field
        assert f"Field: {field}\n  Value: {figure['text']}\n  n: {n}" in text.replace("\r\n", "\n"), field
        assert in_csv[field]["text"] == figure["text"] and "".join(figure["text"].split()) in paper, field
    expected = month.expected(month.within(calls, kind))
    for field, right in expected.items():
        value = known[field]["nano_usd"] / 1e9 if "nano_usd" in known[field] else known[field]["value"]
        assert value == pytest.approx(right.value, rel=right.near), field


def test_a_report_is_sent_once_for_its_period_and_list_unless_asked_again(mailed):
    server, _, box, letters = mailed
    before = len(box.letters)
    assert run(server, "report-daily", month.DAY)["state"] == "done"
    run(server, "report-daily", month.DAY, "--again")
    wait_for("the letter again", lambda: len(box.letters) > before)
    wait_for("nothing waits", lambda: not server.get("/api/v1/alerts/deliveries")["waiting"])
    assert len(box.letters) == before + 1
    first, again = (mailbox.read(raw) for raw in (letters["daily"][2], box.letters[-1][2]))
    assert first["Subject"] == again["Subject"] and first["Message-ID"] != again["Message-ID"]
