import { describe, expect, test } from 'vitest'
import { engineAddresses } from './engine-addresses.ts'

const LISTEN = [{ host: '127.0.0.1', port: 11_500 }]
const AUTO = { ollama: 'auto', lmStudio: 'auto' }

describe('where engines are asked', () => {
  test('by default on this machine, and nobody is expected there', () => {
    expect(engineAddresses(AUTO, {}, LISTEN)).toEqual({
      ollama: { url: 'http://127.0.0.1:11434', isExpected: false },
      lmStudio: { url: 'http://127.0.0.1:1234', isExpected: false },
      notices: [],
    })
  })

  test('Ollama where OLLAMA_HOST says, which expects it there', () => {
    const { ollama } = engineAddresses(AUTO, { OLLAMA_HOST: 'gpu-box' }, LISTEN)
    expect(ollama).toEqual({ url: 'http://gpu-box:11434', isExpected: true })
  })

  test('an address wins over OLLAMA_HOST, and `off` over all', () => {
    const env = { OLLAMA_HOST: 'gpu-box' }
    expect(engineAddresses({ ...AUTO, ollama: 'http://o.test:1/' }, env, LISTEN).ollama?.url).toBe('http://o.test:1')
    expect(engineAddresses({ ollama: 'off', lmStudio: 'off' }, env, LISTEN)).toMatchObject({
      ollama: null,
      lmStudio: null,
    })
  })

  test('never ourselves: in silence where it was only looked for, with a notice where it was named', () => {
    const listen = [{ host: '0.0.0.0', port: 11_434 }]
    expect(engineAddresses(AUTO, {}, listen)).toMatchObject({ ollama: null, notices: [] })
    const named = engineAddresses({ ...AUTO, ollama: 'http://localhost:11434' }, {}, listen)
    expect(named.ollama).toBeNull()
    expect(named.notices).toEqual(["engines.ollama: 'http://localhost:11434' is not used: it is grym itself."])
  })
})
