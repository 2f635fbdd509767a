/** 한국어: 프로젝트의 작업과 건너뛰기. */

import type { Messages } from "./en";

const count = new Intl.NumberFormat("ko");
const n = (value: number): string => count.format(value);

export const tasks: Messages["tasks"] = {
  title: "작업",
  labelAll: "모두 라벨링",
  export: "내보내기",
  settings: "라벨링 설정",
  columns: { photo: "사진", path: "파일", state: "상태", annotator: "작업자", regions: "영역", added: "추가", updated: "수정" },
  states: { STATE_OPEN: "대기", STATE_COMPLETED: "완료", STATE_WITHDRAWN: "제외" },
  held: (who) => `${who} 님이 작업 중`,
  filter: "보기",
  shown: { all: "전체", open: "대기", done: "완료", mine: "내 작업", skipped: "건너뜀" },
  none: {
    all: "작업이 아직 준비되지 않았습니다.",
    open: "대기 중인 작업이 없습니다. 모두 끝났습니다.",
    done: "아직 완료된 작업이 없습니다.",
    mine: "여기서 라벨링한 작업이 아직 없습니다.",
    skipped: "건너뛴 작업이 없습니다.",
  },
  showAll: "모든 작업 보기",
  lookAgain: "다시 확인",
  search: "파일 이름으로 찾기",
  searchHint: "파일 이름이나 폴더 이름에 있는 낱말의 앞부분으로 찾습니다.",
  truncated: "찾을 것이 너무 많아 일부만 찾았습니다. 더 길게 입력해 보세요.",
  sort: (column) => `${column} 순으로 정렬`,
  onlyByUpdate: "이 목록은 수정한 순서로만 정렬됩니다.",
  columnChoice: "열",
  emptyTitle: "아직 작업이 없습니다",
  emptyText: "이미지 하나가 작업 하나가 됩니다. 이미지를 가져와 시작하세요.",
  noMatch: (search) => `‘${search}’에 맞는 파일이 없습니다.`,
  selected: (value) => `${n(value)}개 선택`,
  unselect: "선택 해제",
  selectAll: "불러온 작업 모두 선택",
  select: (path) => `${path} 선택`,
  deleteQuestion: (value) => `이미지 ${n(value)}개와 그 작업을 삭제할까요?`,
  deleteText: "작업 목록과 내보내기에서 빠집니다. 같은 파일을 다시 가져오면 돌아옵니다.",
  count: (open, done) => `대기 ${n(open)} · 완료 ${n(done)}`,
};

export const skip: Messages["skip"] = {
  chip: "건너뜀",
  whyOf: (path) => `${path}: 건너뛴 이유`,
  title: "이 작업을 왜 건너뛰나요?",
  reasons: {
    REASON_BAD_IMAGE: "사진 상태가 나쁨",
    REASON_UNCLEAR: "무엇을 그릴지 불분명함",
    REASON_NO_LABEL_FITS: "맞는 라벨이 없음",
    REASON_OTHER: "다른 이유",
  },
  examples: {
    REASON_BAD_IMAGE: "손상됨, 흐림, 너무 어두움",
    REASON_UNCLEAR: "무엇인지, 어디까지인지 알 수 없음",
    REASON_NO_LABEL_FITS: "사진에 있는 것이 라벨에 없음",
    REASON_OTHER: "메모에 적어 주세요",
  },
  comment: "메모 (선택)",
  before: "전에 건너뜀",
  leftTitle: "건너뛴 작업만 남았습니다",
  leftText: "나머지는 모두 끝났거나 다른 사람이 맡고 있습니다.",
  doThem: "건너뛴 작업 라벨링",
};
