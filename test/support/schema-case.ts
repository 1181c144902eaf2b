/** A JSON schema as clients send it, with values that it takes and others that it does not. */
export interface SchemaCase {
  readonly name: string
  readonly schema: unknown
  readonly valid: readonly unknown[]
  readonly invalid: readonly unknown[]
}

export const closed = (properties: object, required: string[] = Object.keys(properties)): object => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
export const text: object = { type: 'string' }
export const whole: object = { type: 'integer' }
export const nullable = (schema: object): object => ({ anyOf: [schema, { type: 'null' }] })
