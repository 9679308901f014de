/** The key of this tab's user. It is kept for as long as the tab is open, and sent to this service alone. */

const PLACE = "burnish-key";

export const key = {
  get: () => sessionStorage.getItem(PLACE),
  set: (text) => sessionStorage.setItem(PLACE, text),
  forget: () => sessionStorage.removeItem(PLACE),
};

/** Headers of every request: none where nobody has given a key. */
export const admission = () => (key.get() ? { Authorization: `Bearer ${key.get()}` } : {});
