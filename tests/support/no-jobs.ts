/** Outboxes that discard all events. */
export const noJobs = { add: async (): Promise<void> => {} }
export const noJobsInMemory = { add: (): void => {} }
