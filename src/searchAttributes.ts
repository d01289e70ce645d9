/** Search attributes that riffle's workflows set where the namespace has them, with their types as Temporal names them. */
export const searchAttributes = { RiffleStage: 'Keyword', RiffleFailedTasks: 'Int' } as const;
