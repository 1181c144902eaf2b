/** What a route answers: one JSON document, or the parts of a stream. An empty part sends the head and nothing else. */
export type Reply =
  | { readonly form: 'whole'; readonly body: unknown }
  | { readonly form: 'stream'; readonly parts: AsyncGenerator<string> }
