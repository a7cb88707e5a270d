// How much each word of a translation looked at each of the source: a small picture for
// every layer and head, and a large one, with the words, of the one that is chosen.

const CELL = 22, FONT = 13;

export class AttentionView {
  constructor(dialog) {
    this.dialog = dialog;
    this.heads = dialog.querySelector("#heads");
    this.heat = dialog.querySelector("#heat");
    this.at = dialog.querySelector("#at");
    this.heat.addEventListener("pointermove", (event) => this.point(event));
    this.heads.addEventListener("keydown", (event) => this.walk(event));
  }

  show(attention) {
    this.attention = attention;
    this.colours = colours();
    const rows = [];
    for (let layer = 0; layer < attention.num_layers; layer++) {
      const row = document.createElement("div"), name = document.createElement("span");
      name.textContent = `Layer ${layer + 1}`;
      row.append(name);
      for (let head = 0; head < attention.num_heads; head++) row.append(this.small(layer, head));
      rows.push(row);
    }
    this.heads.replaceChildren(...rows);
    const button = rows.at(-1).querySelector("button"); // later layers are clearer
    this.choose(button);
    if (this.dialog.open) return;
    this.dialog.showModal();
    button.focus({ preventScroll: true });
  }

  small(layer, head) {
    const button = document.createElement("button"), canvas = document.createElement("canvas");
    button.setAttribute("aria-label", `Layer ${layer + 1}, head ${head + 1}`);
    button.setAttribute("aria-pressed", "false");
    button.tabIndex = -1;
    Object.assign(button, { layer, head });
    const { width, height } = this.size();
    canvas.width = width;
    canvas.height = height;
    this.paint(canvas.getContext("2d"), layer, head, 1);
    button.append(canvas);
    button.addEventListener("click", () => this.choose(button));
    return button;
  }

  choose(button) {
    for (const each of this.heads.querySelectorAll("button")) {
      each.setAttribute("aria-pressed", String(each === button));
      each.tabIndex = each === button ? 0 : -1;
    }
    this.layer = button.layer;
    this.head = button.head;
    this.large();
  }

  size() {
    return { width: this.attention.source_pieces.length, height: this.attention.target_pieces.length };
  }

  weight(layer, head, row, column) {
    const { width, height } = this.size();
    return this.attention.weights[((layer * this.attention.num_heads + head) * height + row) * width + column];
  }

  paint(context, layer, head, cell) {
    const { width, height } = this.size();
    context.fillStyle = this.colours.ink;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        // The root, or all but the strongest could not be told from nothing.
        context.globalAlpha = Math.sqrt(this.weight(layer, head, row, column));
        context.fillRect(column * cell, row * cell, cell - (cell > 3), cell - (cell > 3));
      }
    }
    context.globalAlpha = 1;
  }

  large() {
    const { width, height } = this.size();
    const context = this.heat.getContext("2d");
    const font = `${FONT}px system-ui, sans-serif`;
    context.font = font;
    const { source_pieces: source, target_pieces: target } = this.attention;
    const longest = (pieces) => Math.ceil(Math.max(...pieces.map((p) => context.measureText(shown(p)).width)));
    this.left = longest(target) + 10;
    this.top = longest(source) + 10;
    const scale = devicePixelRatio || 1;
    const [w, h] = [this.left + width * CELL, this.top + height * CELL];
    Object.assign(this.heat, { width: w * scale, height: h * scale });
    Object.assign(this.heat.style, { width: `${w}px`, height: `${h}px` });
    context.scale(scale, scale);
    context.font = font;
    context.fillStyle = this.colours.text;
    context.textBaseline = "middle";
    target.forEach((piece, row) => {
      const word = shown(piece);
      context.fillText(word, this.left - 8 - context.measureText(word).width, this.top + (row + 0.5) * CELL);
    });
    source.forEach((piece, column) => {
      context.save();
      context.translate(this.left + (column + 0.5) * CELL, this.top - 8);
      context.rotate(-Math.PI / 2);
      context.fillText(shown(piece), 0, 0);
      context.restore();
    });
    context.translate(this.left, this.top);
    this.paint(context, this.layer, this.head, CELL);
    this.heat.setAttribute("aria-label", this.summary());
    this.at.textContent = `Layer ${this.layer + 1}, head ${this.head + 1}`;
  }

  // For those who see no picture: where each word looks most.
  summary() {
    const { source_pieces: source, target_pieces: target } = this.attention;
    return target.map((piece, row) => {
      const weights = source.map((_, column) => this.weight(this.layer, this.head, row, column));
      const best = weights.indexOf(Math.max(...weights));
      return `${shown(piece)}: ${shown(source[best])} ${Math.round(100 * weights[best])} %`;
    }).join("; ");
  }

  point(event) {
    const column = Math.floor((event.offsetX - this.left) / CELL), row = Math.floor((event.offsetY - this.top) / CELL);
    const source = this.attention.source_pieces[column], target = this.attention.target_pieces[row];
    if (source === undefined || target === undefined) return;
    const percent = (100 * this.weight(this.layer, this.head, row, column)).toFixed(1);
    this.at.textContent = `Layer ${this.layer + 1}, head ${this.head + 1}: ${shown(target)} looks at ${shown(source)} with ${percent} %`;
  }

  walk(event) {
    const { num_layers: layers, num_heads: heads } = this.attention;
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [];
    if (down === undefined) return;
    const layer = (this.layer + down + layers) % layers, head = (this.head + right + heads) % heads;
    const button = this.heads.querySelectorAll("button")[layer * heads + head];
    this.choose(button);
    button.focus({ preventScroll: true });
    event.preventDefault();
  }
}

// As the vocabulary has it, "▁Haus" begins a word.
const shown = (piece) => piece.replaceAll("▁", "\u00a0").trim() || piece;

function colours() {
  const style = getComputedStyle(document.body);
  return { text: style.color, ink: style.getPropertyValue("--accent").trim() && accent() };
}

// The variable is "light-dark(…)"; only a property that uses it says which.
function accent() {
  const probe = document.querySelector("h1");
  return getComputedStyle(probe).color;
}
