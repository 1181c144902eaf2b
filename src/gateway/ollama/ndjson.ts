/** Type of a body of objects, one a line (https://github.com/ndjson/ndjson-spec). */
export const NDJSON = 'application/x-ndjson'
