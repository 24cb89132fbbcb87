/**
 * Whether every case is played (`KEYMOOR_WHOLE_TESTS=1`). Else tests of very many like cases play a sample, always the same, so that
 * `npm test` takes minutes.
 */
export const WHOLE = process.env['KEYMOOR_WHOLE_TESTS'] === '1';
