import { crc32, deflateRawSync } from 'node:zlib'

/** A zip file with these members, deflated or stored (PKWARE APPNOTE 4.3). */
export function zipBytes(members: readonly { name: string; content: Buffer; isDeflated: boolean }[]): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, content, isDeflated } of members) {
    const data = isDeflated ? deflateRawSync(content) : content
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(isDeflated ? 8 : 0, 4)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(Buffer.byteLength(name), 22)
    // An extra field of the local header only: readers that take its length from the directory go wrong here.
    const extra = Buffer.alloc(9)
    const local = Buffer.from(common)
    local.writeUInt16LE(extra.length, 24)
    locals.push(Buffer.from('PK\u0003\u0004', 'latin1'), local, Buffer.from(name), extra, data)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.from('PK\u0001\u0002', 'latin1'), Buffer.from([20, 0]), common, tail, Buffer.from(name))
    offset += 30 + Buffer.byteLength(name) + extra.length + data.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(members.length, 4)
  end.writeUInt16LE(members.length, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...locals, central, Buffer.from('PK\u0005\u0006', 'latin1'), end])
}
