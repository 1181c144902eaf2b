/*
 * Limits of what a request may say of tools and log probabilities: the same over HTTP and in the library.
 */

/** Names stand inside the text that a model writes a call in: nothing in them may end it. */
export const TOOL_NAME: RegExp = /^[\w.:/-]{1,128}$/
export const TOOL_NAME_WORDS = 'must be 1 to 128 letters, digits and any of . : / _ -'
export const MAX_TOOLS = 128
export const MAX_TOP_LOGPROBS = 20
