/** What the plugin says of itself: `transform.mjs` puts name and version of the plugin's package.json here. */

export const NAME = "";
export const VERSION = "";
