// What a model's server can do beside translating; what it refuses or does not know is
// not offered.

import { post } from "./api.js";

const known = new Map();

const TEXT = "OK.", PREFIX = "1";

// { alignment, attention, alternatives } of a model, found out once by trying.
export async function featuresOf(model) {
  if (!known.has(model)) known.set(model, probe(model));
  try {
    return await known.get(model);
  } catch {
    known.delete(model); // it was busy, or away
    return { alignment: false, attention: false, alternatives: false };
  }
}

async function probe(model) {
  const [alignment, attention, alternatives] = await Promise.all([
    tried(model, { return_alignment: true }, (best) => best.alignment?.length > 0),
    tried(model, { return_attention: true }, (best) => best.attention?.length > 0),
    tried(model, { target_prefix: PREFIX }, (best) => best.text.startsWith(PREFIX)),
  ]);
  return { alignment, attention, alternatives };
}

async function tried(model, options, worked) {
  try {
    const answer = await post("v1/translate", { text: TEXT, model, format: "sentence", ...options });
    return worked(answer.translations[0].hypotheses[0]);
  } catch (error) {
    if (error.status === 400) return false;
    throw error;
  }
}
