// The page: type, and see it translated.

import { Failure, get, lines, post, useToken } from "./api.js";
import { sentencesOf, textOf, warningsOf } from "./answer.js";
import { AttentionView } from "./attention.js";
import { featuresOf } from "./features.js";
import { Files } from "./files.js";
import { Languages, nameOf } from "./languages.js";
import { Menu } from "./menu.js";
import { excerpt } from "./text.js";
import { Words } from "./words.js";

const $ = (id) => document.getElementById(id);
const source = $("source"), output = $("output"), status = $("status");

const PAUSE_MS = 250, LONG = 400, MOST_TRIES = 6;

const state = { sentences: [], limit: Infinity, features: {}, asked: null, timer: 0, tries: 0 };

const words = new Words($("mirror"), output, (word) => menu.show(word));
const menu = new Menu($("menu"), alone, () => state.languages.target, choose);
const attention = new AttentionView($("attention"));
const languages = new Languages(
  { from: $("from"), to: $("to"), fromName: $("from-name"), toName: $("to-name"), swap: $("swap") },
  () => { dress(); translate(); },
);
let opened;
const ready = new Promise((resolve) => { opened = resolve; });
const files = new Files($("files"), async () => { await ready; return languages.pair; });

// --- translating ---

function later() {
  clearTimeout(state.timer);
  state.asked?.abort();
  menu.close(false);
  words.plain(source.value, output.textContent, output.lang);
  output.classList.toggle("stale", Boolean(output.textContent));
  $("look").hidden = true;
  measure();
  state.timer = setTimeout(translate, source.value.trim() ? PAUSE_MS : 0);
}

async function translate() {
  clearTimeout(state.timer);
  state.asked?.abort();
  fail(null);
  const text = source.value;
  if (!text.trim()) return clear();
  if (!languages.models.length) return; // who begins sees to it
  const asked = (state.asked = new AbortController());
  say("Translating …", true);
  try {
    const model = languages.model;
    if (model) state.features = await featuresOf(model.name);
    if (asked.signal.aborted) return;
    await stream(text, asked.signal);
    state.tries = 0;
  } catch (error) {
    if (asked.signal.aborted || error.name === "AbortError") return;
    trouble(error);
  }
}

async function stream(text, signal) {
  const { alignment } = state.features;
  const body = { text, ...languages.pair, format: "text", ...(alignment && { return_alignment: true }) };
  let written = "", drawing = 0;
  const draw = () => {
    drawing = 0;
    if (!signal.aborted) words.plain(text, written, languages.pair.target);
  };
  for await (const line of lines("v1/translate/stream", body, signal)) {
    if (line.piece) {
      output.classList.remove("stale");
      written += line.piece;
      drawing ||= requestAnimationFrame(draw);
    } else if (line.result) {
      cancelAnimationFrame(drawing);
      const found = line.detectedLanguage?.language ?? languages.pair.source;
      finish(text, line.result, { source: found, target: languages.pair.target }, Boolean(line.detectedLanguage));
    }
  }
}

function finish(text, result, pair, detected) {
  state.languages = pair;
  state.model = result.model;
  state.protects = Boolean(result.protected_items);
  state.sentences = sentencesOf(text, result);
  output.classList.remove("stale");
  show(text);
  warn(warningsOf(text, result));
  say(detected ? `Translated from ${nameOf(pair.source)}` : "Translated");
  if (detected) {
    // Which model it is was not known before; the next text has all of it.
    featuresOf(result.model).then((features) => {
      if (source.value !== text) return;
      state.features = features;
      show(text);
    });
  }
}

function show(text) {
  words.draw(text, state.sentences, state.languages, state.features.alternatives);
  $("copy").hidden = false;
  $("look").hidden = !state.features.attention;
}

function clear() {
  state.sentences = [];
  words.plain("", "", "");
  output.classList.remove("stale");
  $("copy").hidden = $("look").hidden = true;
  warn([]);
  say("");
}

// What to ask for one sentence without the others.
function alone(sentence) {
  return { text: sentence.source, model: state.model, format: "sentence", ...(state.protects && { protect: true }) };
}

// One sentence anew, which begins as was chosen; the others stay.
async function choose(sentence, start) {
  say("Translating …", true);
  state.asked?.abort();
  const { signal } = (state.asked = new AbortController());
  const again = () => choose(sentence, start);
  const body = { ...alone(sentence), target_prefix: start };
  if (state.features.alignment) body.return_alignment = true;
  try {
    const { translations: [result] } = await post("v1/translate", body, signal);
    state.tries = 0;
    const [made] = sentencesOf(sentence.source, { ...result, segments: undefined });
    Object.assign(sentence, { target: made.target, links: made.links, chosen: true });
    show(source.value);
    const next = [...output.querySelectorAll(".word[tabindex]")]
      .find((each) => each.pair.sentence === sentence && each.span[1] >= start.length);
    next?.focus();
    say("Translated anew from there on");
  } catch (error) {
    if (!signal.aborted) trouble(error, again);
  }
}

// --- what is said ---

function say(text, busy = false) {
  status.textContent = text;
  status.classList.toggle("busy", busy);
}

// `again()` does once more what failed.
function trouble(error, again = translate) {
  say("");
  if (error.status === 401 || error.status === 403) {
    $("key").hidden = false;
    $("token").focus();
    return;
  }
  if (again === translate) output.classList.toggle("stale", Boolean(output.textContent));
  if (error.passing && state.tries++ < MOST_TRIES) {
    const wait = Math.max(1, error.retryAfter) * Math.min(state.tries, 4);
    say(`${error.status ? "The server is busy" : "The server cannot be reached"}; trying again …`, true);
    state.timer = setTimeout(again, 1000 * wait);
    return;
  }
  state.tries = 0;
  fail(error instanceof Failure ? sentence(error.message) : "Something went wrong in this page; reload it.", again);
  if (!(error instanceof Failure)) console.error(error);
}

function fail(message, act) {
  $("error").hidden = !message;
  if (!message) return;
  const again = document.createElement("button");
  again.textContent = "Try again";
  again.addEventListener("click", () => { fail(null); act(); });
  $("error").replaceChildren(message, again);
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

function warn(warnings) {
  $("warnings").hidden = !warnings.length;
  $("warnings").replaceChildren(...warnings.map(({ kind, details, place }) => {
    const row = document.createElement("li"), where = document.createElement("button");
    where.textContent = `“${excerpt(source.value.slice(...place), 40)}”`;
    where.title = "Show it in the text";
    where.addEventListener("click", () => {
      source.focus();
      source.setSelectionRange(...place);
    });
    row.append(`${kind[0].toUpperCase()}${kind.slice(1)}: ${details}. `, where);
    return row;
  }));
}

const encoder = new TextEncoder();

function measure() {
  const text = source.value;
  const length = [...text].length, size = encoder.encode(text).length;
  const over = size > state.limit;
  $("count").textContent = over
    ? `${length.toLocaleString("en")} characters are more than the server takes; a file may be longer`
    : length.toLocaleString("en") + (state.limit < Infinity ? ` / ${state.limit.toLocaleString("en")}` : "");
  $("count").classList.toggle("over", over);
  $("clear").hidden = !text;
  document.querySelector("main").classList.toggle("long", length > LONG);
}

async function copy() {
  const text = textOf(state.sentences);
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    getSelection().selectAllChildren(output); // without HTTPS there is no clipboard
    say("Selected; copy it with Ctrl+C");
  }
}

async function look(chosen = words.current()?.pair.sentence) {
  const sentences = state.sentences.filter((each) => each.translated);
  chosen ??= sentences[0];
  if (!chosen || !state.features.attention) return;
  $("which").hidden = sentences.length < 2;
  $("which").replaceChildren(...sentences.map((each) => new Option(excerpt(each.source), state.sentences.indexOf(each))));
  $("which").value = state.sentences.indexOf(chosen);
  say("Looking …", true);
  const text = source.value;
  try {
    const body = { ...alone(chosen), return_attention: true };
    if (chosen.chosen) body.target_prefix = chosen.target;
    const { translations: [result] } = await post("v1/translate", body);
    if (source.value !== text) return;
    state.tries = 0;
    attention.show(result.hypotheses[0].attention[0]);
    say("");
  } catch (error) {
    if (source.value === text) trouble(error, () => look(chosen));
  }
}

// --- what is done ---

source.addEventListener("input", later);
source.addEventListener("pointermove", (event) => words.show(words.under(event.clientX, event.clientY)));
source.addEventListener("pointerleave", () => words.dim());
document.addEventListener("selectionchange", () => {
  if (document.activeElement !== source || source.selectionStart !== source.selectionEnd) return;
  words.show(words.around(source.selectionStart));
});

$("clear").addEventListener("click", () => { source.value = ""; later(); source.focus(); });
$("copy").addEventListener("click", copy);
$("look").addEventListener("click", () => look());
$("which").addEventListener("change", (event) => look(state.sentences[event.target.value]));
$("pick").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  for (const file of $("file").files) files.translate(file);
  $("file").value = "";
});
$("swap").addEventListener("click", () => {
  languages.turn();
  dress();
  source.value = textOf(state.sentences);
  later();
});
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken($("token").value.trim());
  $("key").hidden = true;
  begin();
});

$("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = (document.documentElement.dataset.theme = dark ? "light" : "dark");
  try { localStorage.setItem("theme", theme); } catch { /* until the page is left */ }
});

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
$("help").addEventListener("click", () => $("shortcuts").showModal());

const SHORTCUTS = {
  KeyS: () => source.focus(),
  KeyT: () => words.current()?.focus(),
  KeyC: copy,
  KeyA: () => look(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("textarea, input, select");
  if (event.altKey && event.shiftKey && SHORTCUTS[event.code]) SHORTCUTS[event.code]();
  else if ((event.ctrlKey || event.metaKey) && event.key === "Enter") translate();
  else if (event.key === "?" && !typing) $("shortcuts").showModal();
  else if (event.key === "Escape" && state.asked && status.classList.contains("busy")) stop();
  else return;
  event.preventDefault();
});

function stop() {
  clearTimeout(state.timer);
  state.asked.abort();
  say("Stopped");
}

let inside = 0;
document.addEventListener("dragenter", (event) => {
  if (!Files.carries(event)) return;
  inside++;
  $("drop").hidden = false;
});
document.addEventListener("dragleave", () => { $("drop").hidden = (inside = Math.max(0, inside - 1)) === 0; });
document.addEventListener("dragover", (event) => { if (Files.carries(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  if (!Files.carries(event)) return;
  event.preventDefault();
  inside = 0;
  $("drop").hidden = true;
  for (const file of event.dataTransfer.files) files.translate(file);
});

// --- beginning ---

function dress() {
  const { source: code } = languages.pair;
  if (code === "auto") source.removeAttribute("lang");
  else source.lang = code;
}

async function begin() {
  try {
    const [{ models }, settings] = await Promise.all([get("v1/models"), get("frontend/settings")]);
    state.limit = settings.charLimit;
    $("file").accept = settings.supportedFilesFormat.join(",");
    languages.use(models);
    dress();
    measure();
    opened();
    if (source.value.trim()) translate(); // typed before, or kept by a reload
    else if (languages.model) featuresOf(languages.model.name);
  } catch (error) {
    if (error.passing) {
      say("The server is starting …", true);
      setTimeout(begin, 2000);
    } else {
      trouble(error);
    }
  }
}

begin();
