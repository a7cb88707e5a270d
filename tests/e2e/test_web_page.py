"""The page in a real browser: what a person sees and does, with and without a mouse."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from onnxlate import Client
from onnxlate.answer import Format
from onnxlate.documents import suffixes
from onnxlate_serving.tokens import hash_of
from tests.serving.gateways import Whole, served, standing
from tests.serving.handmade import write_bundle
from tests.serving.word_by_word import HEADS, LAYERS, WordByWord, model

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), "")

pytestmark = pytest.mark.skipif(
    not CHROMIUM,
    reason="NO CHROMIUM HERE, SO THE PAGE IS NOT TESTED: apt-get install chromium",
)

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]

MAX_PAGE_BYTES = 60 * 1024

TEXT = "a b c. d e f."

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, timeout=120_000
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Whole]:
    """With the model that is installed."""
    with served() as server:
        yield server


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[WordByWord, str]]:
    double = WordByWord(
        model("en", "de", default=True), model("de", "en"), model("en", "ar")
    )
    with standing(double) as url:
        yield double, url


@pytest.fixture
def double(shared: tuple[WordByWord, str]) -> Iterator[WordByWord]:
    double, _ = shared
    yield double
    double.refuses = set()
    double.errors, double.requests = [], []
    double.pause_s, double.cancelled = 0.0, 0


@pytest.fixture
def page(browser: Browser, shared: tuple[WordByWord, str]) -> Iterator[Page]:
    """Before the double."""
    with opened(browser, shared[1]) as page:
        yield page


@contextmanager
def opened(
    browser: Browser, url: str, width: int = 1280, dark: bool = False
) -> Iterator[Page]:
    """The page, which asks nobody else for anything and complains of nothing."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(60_000)
    asked: list[str] = []
    complaints: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(url)
    try:
        yield page
    finally:
        context.close()
    strangers = [each for each in asked if not each.startswith(f"{url}/")]
    assert not strangers
    # What the server refuses, browsers note by themselves.
    assert not [each for each in complaints if "the server responded" not in each]


def type_in(page: Page, text: str) -> None:
    page.locator("#source").fill(text)
    expect(page.locator("#status")).to_have_text("Translated", timeout=60_000)


def lit(page: Page, side: str) -> list[str]:
    return page.locator(f"{side} .word.lit").all_text_contents()


def test_what_is_typed_is_translated_as_the_server_does(
    browser: Browser, server: Whole
) -> None:
    with opened(browser, server.url) as page:
        page.locator("#source").press_sequentially("Where is the train station?")
        expect(page.locator("#status")).to_have_text("Translated")

        with Client(server.grpc) as client:
            [answer] = client.translate(
                ["Where is the train station?"], format=Format.TEXT
            )
        expect(page.locator("#output")).to_have_text(answer.text)
        expect(page.locator("#output")).to_have_attribute("lang", "de")
        expect(page.locator("#source")).to_have_attribute("lang", "en")
        expect(page.locator("#pair")).to_contain_text("English")

        page.get_by_role("button", name="Copy").click()
        expect(page.locator("#status")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == answer.text

        page.get_by_role("button", name="Clear").click()
        expect(page.locator("#output")).to_have_text("")


def test_the_page_is_small(browser: Browser, server: Whole) -> None:
    context = browser.new_context()
    sizes: dict[str, int] = {}
    context.on(
        "response",
        lambda response: (
            sizes.update({response.url: len(response.body())}) if response.ok else None
        ),
    )
    page = context.new_page()
    page.goto(server.url, wait_until="networkidle")
    context.close()

    assert len([each for each in sizes if each.endswith(".js")]) > 5
    assert sum(sizes.values()) < MAX_PAGE_BYTES


def test_words_appear_as_they_are_decided(page: Page, double: WordByWord) -> None:
    type_in(page, "x.")  # whatever is found out about the model is known then
    double.pause_s = 1.0

    page.locator("#source").fill("one two three four five six.")

    output = page.locator("#output")
    expect(output).to_have_text(re.compile("^ONE TWO( THREE)?( FOUR)?$"))
    assert page.locator("#status").text_content() == "Translating …"
    expect(output).to_have_text("ONE TWO THREE FOUR FIVE SIX.")
    expect(page.locator("#status")).to_have_text("Translated")


def test_typing_on_cancels_what_is_under_way(page: Page, double: WordByWord) -> None:
    type_in(page, "x.")
    double.pause_s = 0.5
    page.locator("#source").fill("word " * 60)
    expect(page.locator("#output")).to_have_text(re.compile("^WORD"))

    page.locator("#source").fill("another.")

    expect(page.locator("#output")).to_have_text("ANOTHER.")
    for _ in range(100):
        if double.cancelled:
            break
        page.wait_for_timeout(100)
    assert double.cancelled == 1


def test_escape_stops_a_translation(page: Page, double: WordByWord) -> None:
    type_in(page, "x.")
    double.pause_s = 0.5
    page.locator("#source").fill("word " * 60)
    expect(page.locator("#output")).to_have_text(re.compile("^WORD"))

    page.keyboard.press("Escape")

    expect(page.locator("#status")).to_have_text("Stopped")


def test_a_word_lights_up_what_stands_behind_it(page: Page, double: WordByWord) -> None:
    type_in(page, "a 🙂 b c. d e f.")

    page.locator("#output .word", has_text="E").hover()
    assert (lit(page, "#mirror"), lit(page, "#output")) == (["e"], ["E"])

    # And from the side that is typed in, where words lie behind the text.
    box = page.locator("#mirror .word", has_text="b").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert (lit(page, "#mirror"), lit(page, "#output")) == (["b"], ["B"])

    page.mouse.move(5, 5)
    assert (lit(page, "#mirror"), lit(page, "#output")) == ([], [])

    # The caret is a finger, too.
    page.locator("#source").focus()
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#output .word.lit")).to_have_text("F")


def test_a_word_lies_exactly_behind_what_is_typed(
    page: Page, double: WordByWord
) -> None:
    """Or the light would be beside the word."""
    type_in(page, "a long text, which is more than a line of it. " * 6 + "\n\n last.")
    sizes = page.evaluate(
        """() => ["source", "mirror"].map((id) => {
          const { fontSize, lineHeight, fontFamily, padding, letterSpacing } =
            getComputedStyle(document.getElementById(id));
          const { x, y, width, height } =
            document.getElementById(id).getBoundingClientRect();
          return [fontSize, lineHeight, fontFamily, padding, letterSpacing,
            x, y, width, height].join();
        })"""
    )
    assert sizes[0] == sizes[1]
    scrolled = page.evaluate(
        "() => { const s = document.getElementById('source');"
        "return s.scrollHeight - s.clientHeight }"
    )
    assert scrolled <= 1


def test_another_wording_changes_the_rest_of_its_sentence_alone(
    page: Page, double: WordByWord
) -> None:
    type_in(page, TEXT)

    page.locator("#output .word", has_text="E").click()
    menu = page.get_by_role("menu")
    rows = menu.get_by_role("menuitem")
    expect(rows.first).to_be_visible()
    assert rows.all_text_contents() == [f"E{'x' * k} F." for k in range(1, 8)]
    rows.nth(1).click()

    expect(page.locator("#output")).to_have_text("A B C. D Exx F.")
    expect(menu).to_be_hidden()
    asked = double.requests[-1]
    assert list(asked.texts) == ["d e f."]
    assert asked.options.target_prefix == "D Exx"
    # It can be looked at and changed again.
    page.locator("#output .word", has_text="F").hover()
    assert lit(page, "#mirror") == ["f"]


def test_where_a_beam_is_of_one_mind_others_are_asked_for(
    page: Page, double: WordByWord
) -> None:
    type_in(page, "a same c.")

    page.locator("#output .word", has_text="SAME").click()

    rows = page.get_by_role("menuitem")
    expect(rows.first).to_have_text("OTHER C.")
    assert list(double.requests[-1].options.banned_phrases) == ["SAME"]


def test_all_of_it_goes_without_a_mouse(page: Page, double: WordByWord) -> None:
    type_in(page, TEXT)
    press = page.keyboard.press

    press("Alt+Shift+T")
    press("ArrowRight")
    assert (lit(page, "#mirror"), lit(page, "#output")) == (["b"], ["B"])
    press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    press("ArrowDown")
    press("Enter")
    expect(page.locator("#output")).to_have_text("A Bxx C. D E F.")
    expect(page.locator("#output .word", has_text="Bxx")).to_be_focused()

    press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    press("Escape")
    expect(page.locator("#output .word", has_text="Bxx")).to_be_focused()

    press("End")
    expect(page.locator("#output .word", has_text="F")).to_be_focused()
    press("Alt+Shift+S")
    expect(page.locator("#source")).to_be_focused()
    press("Alt+Shift+T")
    press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    press("Alt+Shift+A")
    expect(page.get_by_role("dialog", name="Attention")).to_be_visible()


def test_attention_is_drawn_for_every_layer_and_head(
    page: Page, double: WordByWord
) -> None:
    type_in(page, TEXT)
    page.locator("#output .word", has_text="D").focus()

    page.get_by_role("button", name="Attention").click()

    dialog = page.get_by_role("dialog", name="Attention")
    heads = dialog.get_by_role("button", name=re.compile(r"^Layer \d, head \d$"))
    expect(heads).to_have_count(LAYERS * HEADS)
    expect(dialog.get_by_role("button", name=f"Layer {LAYERS}, head 1")).to_be_focused()
    heat = page.locator("#heat")
    expect(heat).to_have_attribute("aria-label", "D: d 100 %; E: e 100 %; F.: f. 100 %")
    expect(page.locator("#at")).to_have_text(f"Layer {LAYERS}, head 1")
    page.get_by_label("Sentence").select_option("a b c.")
    expect(heat).to_have_attribute("aria-label", "A: a 100 %; B: b 100 %; C.: c. 100 %")
    chosen = dialog.get_by_role("button", name=f"Layer {LAYERS}, head 1")
    expect(chosen).not_to_be_focused()
    chosen.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#at")).to_have_text(f"Layer {LAYERS}, head 2")
    # A diagonal: three full cells in a row, and none beside them.
    inks = page.evaluate(
        """() => {
          const c = document.querySelector("#heads canvas");
          const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
          return [...data].filter((_, i) => i % 4 === 3);
        }"""
    )
    assert inks == [255, 0, 0, 0, 255, 0, 0, 0, 255]
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_what_a_server_refuses_is_not_offered_and_no_error(browser: Browser) -> None:
    double = WordByWord()
    double.refuses = {"return_alignment", "return_attention", "target_prefix"}
    with standing(double) as url, opened(browser, url) as page:
        type_in(page, TEXT)

        expect(page.locator("#output")).to_have_text("A B C. D E F.")
        expect(page.locator("#error")).to_be_hidden()
        expect(page.get_by_role("button", name="Attention")).to_be_hidden()
        page.locator("#output").click()
        expect(page.get_by_role("menu")).to_be_hidden()
        assert lit(page, "#mirror") == []
        expect(page.locator("#output .word[tabindex]")).to_have_count(0)


def test_warnings_are_said_with_their_place(page: Page, double: WordByWord) -> None:
    type_in(page, "one loop two.")

    warning = page.get_by_role("list", name="Warnings").get_by_role("listitem")
    expect(warning).to_contain_text("Repetition: it says the same again and again.")
    warning.get_by_role("button").click()
    selected = page.evaluate("() => [source.selectionStart, source.selectionEnd]")
    assert selected == [4, 8]

    type_in(page, "one two.")
    expect(page.locator("#warnings")).to_be_hidden()


def test_errors_are_said_and_can_be_tried_again(page: Page, double: WordByWord) -> None:
    type_in(page, "x.")
    double.errors = [(grpc.StatusCode.INVALID_ARGUMENT, "it is <b>too</b> long")]

    page.locator("#source").fill("one two.")

    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("It is <b>too</b> long.")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator("#output")).to_have_text("ONE TWO.")
    expect(alert).to_be_hidden()


def test_a_busy_server_is_asked_again_by_itself(page: Page, double: WordByWord) -> None:
    type_in(page, "x.")
    double.errors = [(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")]

    page.locator("#source").fill("one two.")

    expect(page.locator("#status")).to_contain_text("busy")
    expect(page.locator("#output")).to_have_text("ONE TWO.")


def test_a_stream_that_breaks_off_is_asked_for_again(
    page: Page, double: WordByWord
) -> None:
    type_in(page, "x.")
    page.route(
        "**/v1/translate/stream",
        lambda route: route.fulfill(body='{"piece": "ONE"}\n'),
        times=1,
    )

    page.locator("#source").fill("one two.")

    expect(page.locator("#status")).to_contain_text("cannot be reached; trying again")
    expect(page.locator("#output")).to_have_text("ONE TWO.")
    expect(page.locator("#status")).to_have_text("Translated")


def test_only_what_failed_is_asked_for_again(page: Page, double: WordByWord) -> None:
    type_in(page, TEXT)
    double.requests = []
    page.route(
        "**/v1/translate",
        lambda route: route.fulfill(status=429, json={"error": "full"}),
        times=1,
    )

    page.get_by_role("button", name="Attention").click()

    expect(page.locator("#status")).to_contain_text("busy")
    expect(page.get_by_role("dialog", name="Attention")).to_be_visible()
    [asked] = double.requests
    assert list(asked.texts) == ["a b c."]


def test_escape_closes_a_menu_that_has_nothing_yet(
    page: Page, double: WordByWord
) -> None:
    type_in(page, TEXT)
    page.route("**/v1/translate", lambda route: None)  # answered by nobody
    page.keyboard.press("Alt+Shift+T")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_contain_text("Looking")

    page.keyboard.press("Escape")

    expect(page.get_by_role("menu")).to_be_hidden()
    expect(page.locator("#output .word", has_text="A")).to_be_focused()


FILE = b"one two.\n\nthree.\n"


def test_a_file_is_translated_and_saved(page: Page, double: WordByWord) -> None:
    files = {"name": "letter.txt", "mimeType": "text/plain", "buffer": FILE}
    page.locator("#file").set_input_files(files)  # type: ignore[arg-type]

    with page.expect_download() as saved:
        page.get_by_role("link", name="Save letter.de.txt").click()
    assert saved.value.suggested_filename == "letter.de.txt"
    assert Path(saved.value.path()).read_bytes() == FILE.upper()


def test_a_table_is_translated_when_its_columns_are_said(
    page: Page, double: WordByWord
) -> None:
    table = b"id,words,note\n7,one two.,a loop\n"
    files = {"name": "t.csv", "mimeType": "text/csv", "buffer": table}
    page.locator("#file").set_input_files(files)  # type: ignore[arg-type]

    page.get_by_label("Columns to translate, of id,words,note").fill("words=de, note")
    page.keyboard.press("Enter")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save t.de.csv").click()

    row = page.locator(".file")
    expect(row).to_contain_text("Translated · 1 repetition")
    expect(row.get_by_role("status")).to_have_attribute(
        "title", "row 2, column note: repetition"
    )
    text = Path(saved.value.path()).read_bytes()
    assert text == b"id,words,note,de\n7,one two.,A LOOP,ONE TWO.\n"

    page.locator("#file").set_input_files(files)  # type: ignore[arg-type]
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".file")).to_have_count(1)
    assert page.locator("#file").get_attribute("accept") == ",".join(suffixes())


def test_a_dropped_file_is_too_and_one_that_cannot_be_is_said(
    page: Page, double: WordByWord
) -> None:
    page.evaluate(
        """() => {
          const carried = new DataTransfer();
          carried.items.add(new File(["one."], "a.txt"));
          carried.items.add(new File(["x"], "b.exe"));
          for (const kind of ["dragenter", "dragover", "drop"]) {
            document.body.dispatchEvent(new DragEvent(
              kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
          }
        }"""
    )

    expect(page.get_by_role("link", name="Save a.de.txt")).to_be_visible()
    expect(page.locator(".file", has_text="b.exe")).to_contain_text("none of the files")
    for _ in range(2):
        page.get_by_role("button", name="Remove").first.click()
    expect(page.locator("#files")).to_be_hidden()


def test_languages_can_be_chosen_and_swapped(page: Page, double: WordByWord) -> None:
    type_in(page, "one.")
    assert double.requests[-1].model == "en-de"

    page.get_by_role("button", name="Swap").click()
    expect(page.locator("#source")).to_have_value("ONE.")
    expect(page.locator("#source")).to_have_attribute("lang", "de")
    expect(page.locator("#output")).to_have_attribute("lang", "en")
    expect(page.locator("#status")).to_have_text("Translated")
    assert double.requests[-1].model == "de-en"

    page.get_by_label("From").select_option("en")
    page.get_by_label("To", exact=True).select_option("ar")
    expect(page.locator("#output")).to_have_attribute("lang", "ar")
    assert double.requests[-1].model == "en-ar"

    page.get_by_label("From").select_option("auto")
    page.get_by_label("To", exact=True).select_option("en")
    page.locator("#source").fill("Wo ist der Bahnhof? Ich weiß es nicht.")
    expect(page.locator("#status")).to_have_text("Translated from German")
    assert double.requests[-1].model


def test_texts_from_right_to_left_are_shown_so(page: Page, double: WordByWord) -> None:
    type_in(page, "أين محطة القطار؟")

    for place in ("#source", "#output", "#mirror"):
        expect(page.locator(place)).to_have_css("direction", "rtl")
    page.keyboard.press("Alt+Shift+T")
    page.keyboard.press("ArrowLeft")  # onwards
    assert lit(page, "#mirror") == ["محطة"]


def test_dark_and_light_follow_the_system_until_chosen(
    browser: Browser, shared: tuple[WordByWord, str]
) -> None:
    light, dark = "rgb(246, 244, 239)", "rgb(21, 23, 26)"
    with opened(browser, shared[1], dark=True) as page:
        body = page.locator("body")
        expect(body).to_have_css("background-color", dark)
        page.get_by_role("button", name="Dark or light").click()
        expect(body).to_have_css("background-color", light)
        page.reload()
        expect(body).to_have_css("background-color", light)
        page.get_by_role("button", name="Dark or light").click()
        expect(body).to_have_css("background-color", dark)
    with opened(browser, shared[1]) as page:
        expect(page.locator("body")).to_have_css("background-color", light)


def test_it_fits_a_small_telephone(
    browser: Browser, shared: tuple[WordByWord, str], double: WordByWord
) -> None:
    with opened(browser, shared[1], width=360) as page:
        type_in(page, f"{TEXT} {'w' * 100} loop.")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.locator("#output .word", has_text="F").click()
        expect(page.get_by_role("menuitem").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Attention").click()
        expect(page.locator("#heat")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_server_with_tokens_asks_for_one(browser: Browser, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    tokens = tmp_path / "tokens"
    tokens.write_text(f"web translate sha256:{hash_of('secret').hex()}\n")
    with (
        served(bundle, "--tokens", tokens) as server,
        opened(browser, server.url) as page,
    ):
        page.get_by_label("This server wants a token.").fill("wrong")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#token")).to_be_focused()
        page.get_by_label("This server wants a token.").fill("secret")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#key")).to_be_hidden()
        expect(page.locator("#pair")).to_contain_text("English")

        type_in(page, "one two")

        page.reload()  # kept as long as the tab is
        expect(page.locator("#pair")).to_contain_text("English")


def test_everything_has_a_name_and_shows_its_focus(
    page: Page, double: WordByWord
) -> None:
    type_in(page, TEXT)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, select, textarea, input")]
          .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label")
            || e.labels?.length)).map((e) => e.id)"""
    )
    assert nameless == []

    page.keyboard.press("Alt+Shift+S")
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        outline, name = page.evaluate(
            """() => [getComputedStyle(document.activeElement).outlineStyle,
              document.activeElement.id || document.activeElement.className]"""
        )
        seen.append(name)
        assert outline == "solid" or name in ("source", ""), name
    assert {"clear", "pick", "look", "copy"} <= set(seen)
    assert any(name.startswith("word") for name in seen)
