/**
 * Whether every case is played (`KEYMOOR_WHOLE_TESTS=1`). Else tests of very many like cases play a sample, so that `npm test`
 * takes minutes: the same every time, or one that changes from day to day where that is cheap (test/replay/turn.ts).
 */
export const WHOLE = process.env['KEYMOOR_WHOLE_TESTS'] === '1';
