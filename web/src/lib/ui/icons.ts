/** Icons as paths of a 24 × 24 box, drawn for this project. */

export const ICONS = {
  box: "M5 6h14v12H5z M3 4h4v4H3z M17 4h4v4h-4z M3 16h4v4H3z M17 16h4v4h-4z",
  select: "M6 3.5 18.5 12l-5.6 1.4-2.6 5.4z",
  hand: "M12 3v18 M3 12h18 M9 6l3-3 3 3 M9 18l3 3 3-3 M6 9l-3 3 3 3 M18 9l3 3-3 3",
  zoomIn: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z M20 20l-4.8-4.8 M10.5 7.8v5.4 M7.8 10.5h5.4",
  zoomOut: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z M20 20l-4.8-4.8 M7.8 10.5h5.4",
  fit: "M4 9V4h5 M20 9V4h-5 M4 15v5h5 M20 15v5h-5",
  actual: "M5 8l2-2v12 M12 10v.01 M12 15v.01 M17 8l2-2v12",
  undo: "M4 9h10a5.5 5.5 0 0 1 0 11H9 M8 5 4 9l4 4",
  redo: "M20 9H10a5.5 5.5 0 0 0 0 11h5 M16 5l4 4-4 4",
  trash: "M4 7h16 M9.5 7V4h5v3 M6 7l1 13h10l1-13 M10 11v5.5 M14 11v5.5",
  copy: "M9 9h11v11H9z M15 9V4H4v11h5",
  back: "M14.5 5 7.5 12l7 7",
  forward: "M9.5 5l7 7-7 7",
  close: "M6 6l12 12 M18 6 6 18",
  check: "M4.5 12.5l5 5 10-11",
  plus: "M12 5v14 M5 12h14",
  keyboard: "M3 6h18v12H3z M7 10v.01 M11 10v.01 M15 10v.01 M8 14h8",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z M20 20l-4.8-4.8",
  download: "M12 4v11 M7.5 11l4.5 4.5 4.5-4.5 M5 20h14",
  upload: "M12 15V4 M7.5 8.5 12 4l4.5 4.5 M5 20h14",
  folder: "M3 6h6l2 3h10v10H3z",
  repeat: "M20 12a8 8 0 1 1-2.6-5.9 M20 4v5h-5",
  up: "M6 14.5l6-6 6 6",
  down: "M6 9.5l6 6 6-6",
  columns: "M4 5h16v14H4z M10 5v14 M15 5v14",
  image: "M4 5h16v14H4z M4 16l4.5-5 4 4.5 2.5-2.5 5 4.5 M15.5 9.5v.01",
  offline: "M4 9.5a12 12 0 0 1 16 0 M7.5 13.2a7 7 0 0 1 9 0 M12 18v.01 M4 4l16 16",
  settings: "M4 7h9 M17 7h3 M15 5v4 M4 17h3 M11 17h9 M9 15v4 M4 12h3",
} as const;

export type IconName = keyof typeof ICONS;
