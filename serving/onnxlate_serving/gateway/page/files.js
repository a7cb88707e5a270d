// Files: dropped or chosen, sent, translated with a bar, fetched.

import { Failure, lines } from "./api.js";

export class Files {
  // `pair()` promises source and target.
  constructor(list, pair) {
    this.list = list;
    this.pair = pair;
  }

  // True for a drag that carries a file.
  static carries(event) {
    return [...(event.dataTransfer?.types ?? [])].includes("Files");
  }

  async translate(file) {
    const row = new Row(file.name);
    this.list.hidden = false;
    this.list.prepend(row.element);
    const form = new FormData();
    try {
      // A table has columns that are no words.
      if (/\.[ct]sv$/i.test(file.name)) {
        const [header] = (await file.slice(0, 2000).text()).split(/[\r\n]/);
        const columns = await row.ask(`Columns to translate, of ${header}`);
        for (const each of columns.split(",")) form.append("columns", each.trim());
      }
    } catch { return row.leave(); }
    const { source, target } = await this.pair();
    form.append("source", source);
    form.append("target", target);
    form.append("file", file);
    try {
      for await (const step of lines("v1/translate_file", form, row.signal)) {
        if (step.path) row.done(step);
        else row.progress(step.done, step.total);
      }
    } catch (error) {
      if (error.name === "AbortError") row.element.remove();
      else row.failed(error instanceof Failure ? error.message : "The connection was lost.");
    }
    this.list.hidden = !this.list.children.length;
  }
}

class Row {
  constructor(name) {
    const abort = new AbortController();
    this.signal = abort.signal;
    this.element = make("div", "file");
    this.name = make("span", "name", name);
    this.bar = document.createElement("progress");
    this.bar.setAttribute("aria-label", `Translating ${name}`);
    this.state = make("span", "quiet", "Sending …");
    this.state.setAttribute("role", "status");
    this.stop = make("button", "", "Stop");
    this.stop.addEventListener("click", () => (abort.signal.aborted || this.ended ? this.leave() : abort.abort()));
    this.element.append(this.name, this.bar, this.state, this.stop);
  }

  progress(done, total) {
    this.bar.max = Math.max(1, total);
    this.bar.value = done;
    this.state.textContent = `${Math.round((100 * done) / Math.max(1, total))} %`;
  }

  // What the reader types; fails if it is "Stop".
  ask(words) {
    const form = make("form", "");
    const input = document.createElement("input");
    input.required = true;
    input.placeholder = input.ariaLabel = words;
    form.append(input, make("button", "", "Translate"));
    this.bar.replaceWith(form);
    this.state.hidden = true;
    input.focus();
    return new Promise((answer, fail) => {
      this.signal.addEventListener("abort", fail);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        form.replaceWith(this.bar);
        this.state.hidden = false;
        answer(input.value);
      });
    });
  }

  done({ path, name, warning_counts, warnings }) {
    const link = make("a", "button", `Save ${name}`);
    link.href = path.slice(1);
    link.download = name;
    const doubts = Object.entries(warning_counts).map(([kind, number]) => `${number} ${kind}`);
    this.end(["Translated", ...doubts].join(" · "), link);
    this.state.title = warnings.map((each) => `${each.place}: ${each.kind}`).join("\n");
    link.focus();
  }

  failed(reason) {
    this.end(reason);
    this.state.className = "bad";
  }

  end(words, ...more) {
    this.ended = true;
    this.bar.remove();
    this.state.textContent = words;
    this.stop.textContent = "Remove";
    this.stop.before(...more);
  }

  leave() {
    const list = this.element.parentElement;
    this.element.remove();
    list.hidden = !list.children.length;
  }
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
