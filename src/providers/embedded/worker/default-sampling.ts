/** llama.cpp's own defaults, for what a request leaves open. */
export const DEFAULT_SAMPLING = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 } as const
