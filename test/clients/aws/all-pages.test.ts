import { allPages } from '../../../clients/aws/all-pages';

it.each([undefined, ''])('all pages are asked for in order, until the token is %p', async (end) => {
  const tokens = ['second', 'third', end];
  const asked: object[] = [];
  const all = await allPages((from) => {
    const page = asked.push(from);
    return Promise.resolve({ items: [page, page], nextToken: tokens[page - 1] });
  });
  expect(all).toEqual([1, 1, 2, 2, 3, 3]);
  expect(asked).toEqual([{}, { NextToken: 'second' }, { NextToken: 'third' }]);
});
