// Both texts as words that light up together: whatever is pointed at, with the mouse or
// the keyboard, and what stands behind it on the other side.

import { wordsOf } from "./text.js";

export class Words {
  // `choose(sentence, word)` hears of a word of the translation that was clicked.
  constructor(mirror, output, choose) {
    this.mirror = mirror;
    this.output = output;
    this.lit = [];
    output.addEventListener("pointerover", (event) => this.show(event.target.closest(".word")));
    output.addEventListener("pointerleave", () => this.dim());
    output.addEventListener("focusin", (event) => this.arrive(event.target.closest(".word")));
    output.addEventListener("focusout", () => this.dim());
    output.addEventListener("click", (event) => {
      const word = event.target.closest(".word[tabindex]");
      if (!word || !getSelection().isCollapsed) return;
      word.focus();
      if (word.getAttribute("role")) choose(word);
    });
    output.addEventListener("keydown", (event) => this.walk(event, choose));
  }

  // Text that is still being written.
  plain(source, target, language) {
    this.dim();
    this.mirror.textContent = `${source}\n`;
    this.output.textContent = target;
    this.output.lang = language;
  }

  // `open`: whether words of the translation can be asked for others.
  draw(source, sentences, languages, open) {
    this.dim();
    this.output.lang = languages.target;
    const left = document.createDocumentFragment(), right = document.createDocumentFragment();
    let at = 0;
    for (const sentence of sentences) {
      left.append(source.slice(at, sentence.start));
      at = sentence.start + sentence.source.length;
      const pair = { sentence, left: [], right: [] };
      fill(left, sentence.source, languages.source, pair, pair.left, sentence.translated);
      fill(right, sentence.target, languages.target, pair, pair.right, sentence.translated, open);
    }
    left.append(`${source.slice(at)}\n`);
    this.mirror.replaceChildren(left);
    this.output.replaceChildren(right);
    this.output.querySelector(".word[tabindex]")?.setAttribute("tabindex", "0");
  }

  // Lights up a word, those behind it, and those that share these.
  show(word) {
    if (!word?.pair) return this.dim();
    if (this.lit[0] === word) return;
    this.dim();
    const side = word.side, other = side === "source" ? "target" : "source";
    const { sentence, left, right } = word.pair;
    const [here, there] = side === "source" ? [left, right] : [right, left];
    const links = sentence.links.filter((link) => overlap(link[side], word.span));
    const reached = there.map((each) => [each, strongest(links, other, each.span)]).filter(([, p]) => p > 0);
    this.light(word, 1);
    word.classList.add("at");
    reached.forEach(([each, p]) => this.light(each, p));
    const back = sentence.links.filter((link) => reached.some(([each]) => overlap(link[other], each.span)));
    for (const each of here) {
      const p = each === word ? 0 : strongest(back, side, each.span);
      if (p > 0) this.light(each, p / 3);
    }
  }

  light(word, p) {
    word.classList.add("lit");
    word.style.setProperty("--p", p.toFixed(2));
    this.lit.push(word);
  }

  dim() {
    for (const each of this.lit) each.classList.remove("lit", "at");
    this.lit = [];
  }

  // The word of the source at a point of the screen, or at a character.
  under(x, y) {
    return document.elementsFromPoint(x, y).find((each) => each.parentElement === this.mirror && each.pair);
  }

  around(index) {
    return [...this.mirror.children].find(({ pair, span }) => {
      const at = index - (pair?.sentence.start ?? Infinity);
      return at >= span[0] && at <= span[1];
    });
  }

  // The word that the keyboard is at, or would come to.
  current() {
    return this.output.querySelector(".word[tabindex='0']");
  }

  // Only one of them is a stop of the Tab key.
  arrive(word) {
    this.current()?.setAttribute("tabindex", "-1");
    word?.setAttribute("tabindex", "0");
    this.show(word);
  }

  walk(event, choose) {
    const word = event.target.closest(".word[tabindex]");
    if (!word || event.ctrlKey || event.altKey || event.metaKey) return;
    const all = [...this.output.querySelectorAll(".word[tabindex]")];
    const rtl = getComputedStyle(this.output).direction === "rtl";
    const step = { ArrowRight: rtl ? -1 : 1, ArrowLeft: rtl ? 1 : -1, Home: -all.length, End: all.length }[event.key];
    if (step) {
      const next = Math.max(0, Math.min(all.length - 1, all.indexOf(word) + step));
      all[next].focus();
    } else if (word.getAttribute("role") && (event.key === "Enter" || event.key === " ")) {
      choose(word);
    } else {
      return;
    }
    event.preventDefault();
  }
}

function fill(parent, text, language, pair, words, translated, open) {
  if (!translated) return parent.append(text);
  const side = words === pair.left ? "source" : "target";
  for (const [start, end, isWord] of wordsOf(text, language)) {
    if (!isWord) {
      parent.append(text.slice(start, end));
      continue;
    }
    const word = document.createElement("span");
    word.className = "word";
    word.textContent = text.slice(start, end);
    Object.assign(word, { pair, side, span: [start, end] });
    if (side === "target" && (open || pair.sentence.links.length)) word.tabIndex = -1;
    if (side === "target" && open) {
      word.setAttribute("role", "button");
      word.setAttribute("aria-haspopup", "menu");
    }
    words.push(word);
    parent.append(word);
  }
}

const overlap = (a, b) => a[0] < b[1] && b[0] < a[1];

function strongest(links, side, span) {
  return links.reduce((most, link) => (overlap(link[side], span) ? Math.max(most, link.p) : most), 0);
}
