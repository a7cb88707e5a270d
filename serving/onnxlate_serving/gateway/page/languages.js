// Which model: by its languages, as far as there is a choice.

export class Languages {
  // `changed()` is called when another pair is chosen.
  constructor(elements, changed) {
    Object.assign(this, elements); // from, to, fromName, toName, swap
    this.models = [];
    this.from.addEventListener("change", () => { this.offerTargets(); changed(); });
    this.to.addEventListener("change", changed);
  }

  use(models) {
    this.models = models.filter((each) => each.is_current);
    const first = this.models.find((each) => each.is_default) ?? this.models[0];
    const sources = [...new Set(this.models.map((each) => each.source_language))];
    const auto = sources.length > 1 ? [["auto", "Detect language"]] : [];
    offer(this.from, this.fromName, [...auto, ...sources.map((code) => [code, nameOf(code)])], first.source_language);
    this.offerTargets(first.target_language);
  }

  offerTargets(wanted = this.to.value) {
    const source = this.from.value;
    const reached = this.models.filter((each) => source === "auto" || each.source_language === source);
    const targets = [...new Set(reached.map((each) => each.target_language))];
    offer(this.to, this.toName, targets.map((code) => [code, nameOf(code)]), targets.includes(wanted) ? wanted : targets[0]);
    this.swap.hidden = !this.modelOf(this.to.value, source);
  }

  turn() {
    const [source, target] = [this.from.value, this.to.value];
    this.from.value = target;
    this.offerTargets(source);
  }

  modelOf(source, target) {
    const fitting = this.models.filter((each) => each.source_language === source && each.target_language === target);
    return fitting.find((each) => each.is_default) ?? fitting[0];
  }

  get pair() { return { source: this.from.value, target: this.to.value }; }

  // Undefined until the source's language is known.
  get model() { return this.modelOf(this.from.value, this.to.value); }
}

export function nameOf(code) {
  try { return new Intl.DisplayNames(["en"], { type: "language" }).of(code); } catch { return code; }
}

// A choice of one is no choice.
function offer(select, name, choices, chosen) {
  select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
  select.value = chosen;
  select.hidden = choices.length < 2;
  name.hidden = !select.hidden;
  name.textContent = choices.find(([value]) => value === chosen)?.[1] ?? "";
}
