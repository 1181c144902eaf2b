/** What happens while a state becomes an entry, in this order; told before each, so that a test can end the process or fail there. */
export type SaveStep = 'make' | 'hash' | 'seal' | 'flush' | 'name' | 'named' | 'supersede'

export type OnSaveStep = (step: SaveStep) => void
