/**
 * Log probabilities as Ollama writes them, for tokens that the fake chose: each was the most likely one with 1/2, and
 * what else could have come has 1/4, 1/8 and so on.
 */
export function logprobsOf(tokens: readonly string[], topCount: number): Record<string, unknown>[] {
  return tokens.map((token) => {
    const top = Array.from({ length: topCount }, (_, place) => entry(place === 0 ? token : `${token}~${place}`, place))
    return { ...entry(token, 0), ...(topCount > 0 && { top_logprobs: top }) }
  })
}

function entry(token: string, place: number): { token: string; logprob: number; bytes: number[] } {
  return { token, logprob: Math.log(2 ** -(place + 1)), bytes: [...Buffer.from(token)] }
}
