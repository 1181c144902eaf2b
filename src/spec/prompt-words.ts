/** What may be a token of its own whatever it holds: `<|im_start|>`. */
const BRACKETED = /<[^<>]{1,64}>/g
/** A run of letters, of other alphabets too; what stands behind an apostrophe may belong to the word before it. */
const RUNS = /(?<!['A-Za-z\u0080-\uffff])[A-Za-z\u0080-\uffff]+/g
const ASCII_LETTER = /[A-Za-z]/

/**
 * Words by which the tokens of a text can be counted from below without its tokenizer: runs of letters with at least one of
 * a–z, nothing in angle brackets, nothing behind an apostrophe.
 *
 * No text has fewer tokens than words ÷ the most words of one token in the vocabulary: the first ASCII letter of each word lies in
 * some token, and there in a run that is counted the same way. (Of 18 common vocabularies of the kinds `gpt2` and `llama`
 * each token has one word at most.)
 */
export function promptWords(text: string): number {
  const runs = text.replace(BRACKETED, '<>').match(RUNS) ?? []
  return runs.reduce((count, run) => (ASCII_LETTER.test(run) ? count + 1 : count), 0)
}
