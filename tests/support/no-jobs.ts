/** Outboxes for tests in which no job is expected to run. */
export const noJobs = { add: async (): Promise<void> => {} }
export const noJobsInMemory = { add: (): void => {} }
