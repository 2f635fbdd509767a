/** English: the tasks of a project, and what is skipped. */

import { pluralOf } from "./plural";

const plural = pluralOf("en");

export const tasks = {
  title: "Tasks",
  labelAll: "Label all",
  export: "Export",
  settings: "Labelling setup",
  columns: { photo: "Photo", path: "File", state: "State", annotator: "Annotator", regions: "Regions", added: "Added", updated: "Updated" },
  states: { STATE_OPEN: "Open", STATE_COMPLETED: "Done", STATE_WITHDRAWN: "Withdrawn" },
  held: (who: string) => `${who} is labelling`,
  filter: "Show",
  shown: { all: "All", open: "Open", done: "Done", mine: "My work", skipped: "Skipped" },
  none: {
    all: "The tasks are not here yet.",
    open: "No task is open: everything is done.",
    done: "No task is done yet.",
    mine: "You have labelled nothing here yet.",
    skipped: "Nobody has skipped anything.",
  },
  showAll: "Show all tasks",
  lookAgain: "Look again",
  search: "Search by file name",
  searchHint: "Words of the file name or its folders, by their beginnings.",
  truncated: "There are more than the search looks at. A longer word finds less.",
  sort: (column: string) => `Sort by ${column}`,
  onlyByUpdate: "These tasks are sorted by their last change only.",
  columnChoice: "Columns",
  emptyTitle: "No tasks yet",
  emptyText: "Each image becomes a task. Import images to begin.",
  noMatch: (search: string) => `No file name matches “${search}”.`,
  selected: (count: number) => plural(count, { one: "# selected", other: "# selected" }),
  unselect: "Unselect",
  selectAll: "Select all that are loaded",
  select: (path: string) => `Select ${path}`,
  deleteQuestion: (count: number) => plural(count, { one: "Delete # image and its task?", other: "Delete # images and their tasks?" }),
  deleteText: "They are hidden from the queue and from exports. Importing the same files brings them back.",
  count: (open: number, done: number) => `${open.toLocaleString("en")} open · ${done.toLocaleString("en")} done`,
};

export const skip = {
  chip: "Skipped",
  whyOf: (path: string) => `Why ${path} was skipped`,
  title: "Why do you skip this task?",
  reasons: {
    REASON_BAD_IMAGE: "The image is bad",
    REASON_UNCLEAR: "It is unclear what to draw",
    REASON_NO_LABEL_FITS: "No label fits",
    REASON_OTHER: "Another reason",
  },
  examples: {
    REASON_BAD_IMAGE: "Damaged, blurred, too dark",
    REASON_UNCLEAR: "Nobody could tell what it shows, or where it ends",
    REASON_NO_LABEL_FITS: "What it shows is not among the labels",
    REASON_OTHER: "Say it in the comment",
  },
  comment: "Comment (if you like)",
  before: "Skipped before",
  leftTitle: "Only skipped tasks are left",
  leftText: "Everything else is done, or others are at it.",
  doThem: "Label the skipped ones",
};
