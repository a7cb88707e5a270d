// Other wordings of the translation from one of its words on.

import { post } from "./api.js";
import { firstWord } from "./text.js";

const MOST = 8, ENOUGH = 4, ROUNDS = 4, BEAM = 8;

export class Menu {
  // `alone(sentence)` is how to ask for a sentence, `language()` that of its translation;
  // `chosen(sentence, start)` hears what the sentence shall begin with.
  constructor(element, alone, language, chosen) {
    Object.assign(this, { element, alone, language, chosen });
    element.tabIndex = -1;
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
    this.element.focus({ preventScroll: true }); // to hear Esc
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
    const prefix = before.trimEnd(), spaced = before !== prefix;
    const body = { ...this.alone(sentence), beam_size: BEAM, num_hypotheses: BEAM };
    if (prefix) body.target_prefix = prefix;
    const found = new Map(), taken = [word];
    // A beam often ends in one word for all of it; without that, it has to find others.
    for (let round = 0; round < ROUNDS && found.size < ENOUGH; round++) {
      if (round) body.banned_phrases = [...taken];
      let answer;
      try {
        answer = await post("v1/translate", body, signal);
      } catch (error) {
        if (error.status !== 400) throw error;
        if (round) break; // what is banned stands in the prefix, perhaps
        if (body.beam_size === 1) throw error;
        body.beam_size = body.num_hypotheses = body.beam_size / 2; // the server's limit is less
        round--;
        continue;
      }
      const known = taken.length;
      for (const { text } of answer.translations[0].hypotheses) {
        const [first, rest] = this.next(text, prefix, spaced) ?? [];
        if (!first || taken.includes(first.trim()) || found.size === MOST) continue;
        taken.push(first.trim());
        found.set(first, rest);
      }
      if (round && taken.length === known) break;
    }
    return [...found];
  }

  // The word behind the prefix and what follows it; nothing if it is not held to that.
  next(text, prefix, spaced) {
    if (!text.startsWith(prefix)) return null;
    const rest = text.slice(prefix.length);
    if (spaced && !/^\s/.test(rest)) return null; // another end of the word before
    const from = spaced ? rest.trimStart() : rest;
    const first = firstWord(from, this.language());
    return first.trim() ? [first, from.slice(first.length)] : null;
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
