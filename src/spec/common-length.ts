/** How many of their first items two lists have in common. */
export function commonLength<Item>(a: ArrayLike<Item>, b: ArrayLike<Item>): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a[length] === b[length]) length += 1
  return length
}
