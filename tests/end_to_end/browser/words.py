"""What the pages call things, by which tests find them as people do: in Korean and in English."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One language. `locale` is what the browser asks for."""

    locale: str
    sign_up: str
    log_in: str
    login: str
    display_name: str
    password: str
    first_account: str
    no_projects: str
    create_project: str
    project_name: str
    next: str
    save: str
    choose_files: str
    drop: str
    truncated: str
    uploaded: str
    clear_uploads: str
    vision: str
    boxes: str
    remove: str
    add_labels: str
    add: str
    label_all: str
    export: str
    regions: str
    undo: str
    redo: str
    submit: str
    submitted: str
    update: str
    nothing_left: str
    back: str
    download: str
    delete: str
    restored: str
    draft_kept: str
    why_skip: str
    only_skipped: str
    label_skipped: str
    skipped_before: str
    token_name: str
    make_token: str
    make_invitation: str
    reset_link: str
    offline: str


KO = Words(
    locale="ko-KR",
    sign_up="가입하기",
    log_in="로그인",
    login="아이디",
    display_name="다른 사람에게 보이는 이름",
    password="비밀번호",
    first_account="첫 번째 사용자입니다.",
    no_projects="아직 프로젝트가 없습니다",
    create_project="프로젝트 만들기",
    project_name="프로젝트 이름",
    next="다음",
    save="저장",
    choose_files="파일 고르기",
    drop="사진이나 폴더를 여기에 끌어다 놓으세요",
    truncated="사진이 중간에 끊겨 있습니다.",
    uploaded="올림",
    clear_uploads="목록 비우기",
    vision="컴퓨터 비전",
    boxes="경계 상자로 객체 검출",
    remove="{} 제거",
    add_labels="라벨 추가",
    add="추가",
    label_all="모두 라벨링",
    export="내보내기",
    regions="영역",
    undo="실행 취소",
    redo="다시 실행",
    submit="제출",
    submitted="제출했습니다.",
    update="수정",
    nothing_left="라벨링할 작업이 없습니다",
    back="작업 목록으로",
    download="내려받기",
    delete="삭제",
    restored="제출하지 않은 작업을 되살렸습니다.",
    draft_kept="초안 저장됨",
    why_skip="이 작업을 왜 건너뛰나요?",
    only_skipped="건너뛴 작업만 남았습니다",
    label_skipped="건너뛴 작업 라벨링",
    skipped_before="전에 건너뜀",
    token_name="용도",
    make_token="토큰 만들기",
    make_invitation="초대 만들기",
    reset_link="{} 님의 재설정 링크",
    offline="서버에 연결할 수 없습니다.",
)

EN = Words(
    locale="en-GB",
    sign_up="Sign up",
    log_in="Log in",
    login="User name",
    display_name="Name that others see",
    password="Password",
    first_account="You are the first here",
    no_projects="No projects yet",
    create_project="Create project",
    project_name="Project name",
    next="Next",
    save="Save",
    choose_files="Choose files",
    drop="Drop photos or folders here",
    truncated="The photo ends",
    uploaded="Uploaded",
    clear_uploads="Clear the list",
    vision="Computer Vision",
    boxes="Object Detection with Bounding Boxes",
    remove="Remove {}",
    add_labels="Add labels",
    add="Add",
    label_all="Label all",
    export="Export",
    regions="Regions",
    undo="Undo",
    redo="Redo",
    submit="Submit",
    submitted="Submitted.",
    update="Update",
    nothing_left="Nothing left to label",
    back="Back to the tasks",
    download="Download",
    delete="Delete",
    restored="Your unsubmitted work is back.",
    draft_kept="Draft saved",
    why_skip="Why do you skip this task?",
    only_skipped="Only skipped tasks are left",
    label_skipped="Label the skipped ones",
    skipped_before="Skipped before",
    token_name="What it is for",
    make_token="Make a token",
    make_invitation="Make an invitation",
    reset_link="Reset link for {}",
    offline="The server cannot be reached.",
)
