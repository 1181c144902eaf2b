/** What a route answers: one JSON document, or the events of a stream. */
export type Reply =
  | { readonly form: 'whole'; readonly body: unknown }
  | { readonly form: 'stream'; readonly parts: AsyncGenerator<string> }
