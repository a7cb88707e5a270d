// A translation as sentences, each with its own text, links and place in the source, so
// that one of them can be replaced and the others stay.

import { unitsOf } from "./text.js";

// From a result of the server; a text without segments is one sentence.
export function sentencesOf(source, result) {
  const target = result.text;
  const s = unitsOf(source), t = unitsOf(target);
  const segments = result.segments ?? [
    { source: { start: 0, end: [...source].length }, target: { start: 0, end: [...target].length }, translated: true },
  ];
  const sentences = segments.map((each) => {
    const start = s(each.source.start), at = t(each.target.start);
    return {
      translated: each.translated,
      start,
      source: source.slice(start, s(each.source.end)),
      at,
      target: target.slice(at, t(each.target.end)),
      links: [],
    };
  });
  let current = 0;
  const links = (result.hypotheses[0].alignment ?? []).map((link) => ({
    source: [s(link.source.start), s(link.source.end)],
    target: [t(link.target.start), t(link.target.end)],
    p: link.probability,
  }));
  links.sort((a, b) => a.target[0] - b.target[0]);
  for (const link of links) {
    while (current < sentences.length - 1 && link.target[0] >= sentences[current + 1].at) current++;
    const { start, at, links: its } = sentences[current];
    its.push({
      p: link.p,
      source: link.source.map((x) => x - start),
      target: link.target.map((x) => x - at),
    });
  }
  return sentences;
}

export const textOf = (sentences) => sentences.map((each) => each.target).join("");

// Warnings with their place in the source, also of servers that give none.
export function warningsOf(source, result) {
  const s = unitsOf(source);
  const found = (result.warnings ?? []).map((each) => ({
    kind: each.kind,
    details: each.details + (each.decoded_again ? " (translated once more, this is the better one)" : ""),
    place: [s(each.source.start), s(each.source.end)],
  }));
  if (found.length) return found;
  const whole = [0, source.length];
  if (result.num_dropped_source_tokens) {
    found.push({ kind: "truncated source", details: "the end of the text was not read", place: whole });
  }
  if (result.hypotheses[0].finish_reason === "length") {
    found.push({ kind: "unfinished", details: "the translation reached its greatest length", place: whole });
  }
  return found;
}
