/** Stands for all owners: for administrators, and for programs without users. */
export const EVERYONE: unique symbol = Symbol('everyone')

/** Whose media items exist for the caller: those of one owner, or those of all. */
export type OwnerScope = string | typeof EVERYONE

export const includesOwner = (scope: OwnerScope, owner: string): boolean => scope === EVERYONE || scope === owner

/** Throws a `TypeError` if the owner is missing, for example because nobody is signed in. */
export function requireOwner(owner: string): void {
  if (typeof owner !== 'string' || owner === '') throw new TypeError('`owner` must be a string that is not empty.')
}

/** Throws a `TypeError` if the owner is missing, so that a missing owner never means all of them. */
export function requireOwnerScope(scope: OwnerScope): void {
  if (scope !== EVERYONE && (typeof scope !== 'string' || scope === ''))
    throw new TypeError('`owner` must be a string that is not empty, or EVERYONE.')
}
