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
    const { source, target } = await this.pair();
    form.append("source", source);
    form.append("target", target);
    form.append("file", file);
    try {
      for await (const step of lines("v1/translate_file", form, row.signal)) {
        if (step.path) row.done(step.path.slice(1), step.name);
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

  done(path, name) {
    const link = make("a", "button", `Save ${name}`);
    link.href = path;
    link.download = name;
    this.end("Translated", link);
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
