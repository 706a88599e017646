/** Stands for all owners: for administrators, and for programs without users. */
export const EVERYONE: unique symbol = Symbol('everyone')

/** Whose media items exist for the caller: those of one owner, or those of all. */
export type OwnerScope = string | typeof EVERYONE

export const includesOwner = (scope: OwnerScope, owner: string): boolean => scope === EVERYONE || scope === owner

/** Whether a value can be an owner: 1 to 255 characters, well-formed and without control characters. */
export const isOwner = (value: unknown): value is string =>
  typeof value === 'string' && /^[^\p{Cc}\p{Cs}]{1,255}$/u.test(value)

/** Throws a `TypeError` if the owner is missing, for example because there is no session, or not valid. */
export function requireOwner(owner: string): void {
  if (!isOwner(owner)) throw new TypeError(`\`owner\` must be ${OWNER}.`)
}

/** Throws a `TypeError` if the owner is missing, so that a missing owner never means all of them. */
export function requireOwnerScope(scope: OwnerScope): void {
  if (scope !== EVERYONE && !isOwner(scope)) throw new TypeError(`\`owner\` must be ${OWNER}, or EVERYONE.`)
}

const OWNER = 'a string of 1 to 255 characters without control characters'
