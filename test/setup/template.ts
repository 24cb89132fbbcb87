/** The migrated database that test databases are cloned from. Nobody may stay connected to it. */
export const TEMPLATE_DATABASE = 'keymoor_template';
