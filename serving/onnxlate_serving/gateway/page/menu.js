// Other wordings of the translation from one of its words on.

import { post } from "./api.js";
import { firstWord } from "./text.js";

const MOST = 4, BEAM = 8;

export class Menu {
  // `alone(sentence)` is how to ask for a sentence, `language()` that of its translation;
  // `chosen(sentence, start)` hears what the sentence shall begin with.
  constructor(element, alone, language, chosen) {
    Object.assign(this, { element, alone, language, chosen });
    element.addEventListener("keydown", (event) => this.walk(event));
    document.addEventListener("pointerdown", (event) => {
      if (!element.contains(event.target)) this.close(false);
    });
  }

  get open() { return !this.element.hidden; }

  async show(word) {
    this.close(false);
    this.word = word;
    const { sentence } = word.pair;
    const before = sentence.target.slice(0, word.span[0]);
    this.say("Looking for other words …");
    this.place(word);
    this.asked = new AbortController();
    const { signal } = this.asked;
    let wordings;
    try {
      wordings = await this.wordings(sentence, before, word.textContent, signal);
    } catch (error) {
      if (!signal.aborted) this.say("None can be had now.");
      return;
    }
    if (signal.aborted) return;
    if (!wordings.length) return this.say("There is no other wording here.");
    const rows = wordings.map(([first, rest]) => {
      const row = document.createElement("button");
      row.setAttribute("role", "menuitem");
      row.tabIndex = -1;
      row.lang = this.language();
      row.dir = "auto";
      const strong = document.createElement("b"), faint = document.createElement("i");
      strong.textContent = first.trim();
      faint.textContent = rest;
      row.append(strong, faint);
      row.addEventListener("click", () => {
        this.close(true);
        this.chosen(sentence, before + first);
      });
      return row;
    });
    this.element.replaceChildren(...rows);
    this.place(word);
    rows[0].focus();
  }

  // [next word, what follows it], without the one that stands there.
  async wordings(sentence, before, word, signal) {
    const prefix = before.trimEnd();
    const body = { ...this.alone(sentence), beam_size: BEAM, num_hypotheses: BEAM };
    if (prefix) body.target_prefix = prefix;
    const answers = await Promise.allSettled([
      post("v1/translate", body, signal),
      // A beam often ends in one word for all; without it, it has to find others.
      post("v1/translate", { ...body, banned_phrases: [word] }, signal),
    ]);
    if (answers[0].status === "rejected") throw answers[0].reason;
    const found = new Map();
    for (const answer of answers.filter((each) => each.status === "fulfilled")) {
      const most = found.size + MOST;
      for (const { text } of answer.value.translations[0].hypotheses) {
        if (!text.startsWith(prefix)) continue; // it was not held to it
        let rest = text.slice(prefix.length);
        if (before !== prefix) {
          if (!/^\s/.test(rest)) continue; // another end of the word before
          rest = rest.trimStart();
        }
        const first = firstWord(rest, this.language());
        if (found.size === most || !first.trim() || first.trim() === word || found.has(first)) continue;
        found.set(first, rest.slice(first.length));
      }
    }
    return [...found];
  }

  say(words) {
    const line = document.createElement("p");
    line.className = "quiet";
    line.textContent = words;
    line.setAttribute("role", "status");
    this.element.replaceChildren(line);
  }

  place(word) {
    const at = word.getBoundingClientRect(), { style } = this.element;
    this.element.hidden = false;
    const width = this.element.offsetWidth, height = this.element.offsetHeight;
    const left = Math.max(8, Math.min(at.left, document.documentElement.clientWidth - width - 8));
    const below = at.bottom + 6;
    const top = below + height > innerHeight && at.top > height + 12 ? at.top - height - 6 : below;
    style.left = `${left + scrollX}px`;
    style.top = `${top + scrollY}px`;
  }

  close(back) {
    if (!this.open) return;
    this.asked?.abort();
    this.element.hidden = true;
    if (back && this.word?.isConnected) this.word.focus();
  }

  walk(event) {
    const rows = [...this.element.querySelectorAll("button")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && rows.length) {
      rows[(rows.indexOf(document.activeElement) + step + rows.length) % rows.length].focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      this.close(true);
      event.stopPropagation();
    } else {
      return;
    }
    event.preventDefault();
  }
}
