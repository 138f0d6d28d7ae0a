// Notices that the browser has painted.

// Calls `callback` after the browser has painted the page as it is now. The first callback of requestAnimationFrame runs
// before the browser paints, and the second callback runs after it. If the page is hidden or the display sleeps, the
// browser runs neither of them. Returns a function that cancels the call.
export const afterPaint = (callback) => {
  let frame = requestAnimationFrame(() => {
    frame = requestAnimationFrame(callback);
  });
  return () => cancelAnimationFrame(frame);
};
