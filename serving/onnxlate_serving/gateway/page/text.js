// Characters as the server counts them (code points) and as JavaScript does (UTF-16),
// and words.

// From the index of a code point to that of its UTF-16 unit.
export function unitsOf(text) {
  if (!/[\ud800-\udfff]/.test(text)) return (at) => at;
  const starts = [];
  let at = 0;
  for (const character of text) {
    starts.push(at);
    at += character.length;
  }
  starts.push(at);
  return (index) => starts[Math.min(index, starts.length - 1)];
}

// [start, end, whether it is a word] of what a text is made of, in order.
export function* wordsOf(text, language) {
  for (const part of segmenter(language).segment(text)) {
    yield [part.index, part.index + part.segment.length, part.isWordLike];
  }
}

// The first word of a text, with what sticks to it.
export function firstWord(text, language) {
  for (const [, end, isWord] of wordsOf(text, language)) {
    if (isWord) return text.slice(0, end);
  }
  return text.trimEnd();
}

export function excerpt(text, most = 60) {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > most ? `${flat.slice(0, most - 1)}…` : flat;
}

const segmenters = new Map();

function segmenter(language) {
  if (!segmenters.has(language)) {
    let made;
    try {
      made = new Intl.Segmenter(language || undefined, { granularity: "word" });
    } catch {
      made = new Intl.Segmenter(undefined, { granularity: "word" });
    }
    segmenters.set(language, made);
  }
  return segmenters.get(language);
}
