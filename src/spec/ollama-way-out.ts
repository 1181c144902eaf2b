/** What a person can do about a model of Ollama's whose file the embedded engine does not take. Whole sentences. */
export function ollamaWayOut(name: string): string {
  return (
    `Get a newer one with \`ollama pull ${name}\`, start Ollama, through which grym then runs it, ` +
    'or get another GGUF of it with `grym pull`.'
  )
}
