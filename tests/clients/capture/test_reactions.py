"""What users say of the work before, in the words that people use."""

import pytest

from mcp_learning.clients.capture.reactions import Reaction, doubts_work_before, reaction

SAID = {
    Reaction.ACCEPTED: """
        thanks!
        ok thanks
        Great, now add tests
        it works now, please commit
        the button is there now, thanks
        Looks good. Now the docs
        danke, passt
        super, jetzt noch die Tests
        ça marche
        gracias, funciona
        obrigado
        grazie
        спасибо
        работает
        可以了
        ありがとう
        動きました
        감사합니다
        vielen Dank
        teraz działa
        harika, çalışıyor
        дякую, працює
        cảm ơn bạn
        sekarang sudah jalan
        الآن يعمل
        👍
    """,
    Reaction.REJECTED: """
        incorrect
        that made it worse
        c'est faux
        eso está mal
        isso está errado
        dat is fout
        неверно
        стало хуже
        错了
        你改错文件了
        ダメです
        間違っています
        틀렸어요
        sai rồi
        not working
        The login doesn't work when I click
        no, use the other one
        geht nicht
        ça ne marche pas
        no funciona
        не работает
        不行
        doet het niet
        nie działa
        çalışmıyor
        не працює
        không chạy
        tidak berfungsi
        لا يعمل
        that's wrong
    """,
    Reaction.REPEATED: """
        nothing changed
        das hat nichts gebracht
        rien n'a changé
        ничего не изменилось
        问题还在
        又挂了
        変わりません
        still broken
        It still doesn't work
        why is it still failing?
        still an issue here: https://example.org/1
        I get the same error
        funktioniert immer noch nicht
        ça marche toujours pas
        sigue sin funcionar
        ainda não funciona
        non funziona ancora
        всё ещё не работает
        还是报错
        まだ動かない
        여전히 안 돼요
        nog steeds kapot
        nadal nie działa
        hâlâ çalışmıyor
        досі не працює
        vẫn không chạy
        masih error
        نفس الخطأ
    """,
    Reaction.UNDONE: """
        roll it back
        put it back the way it was
        go back to the previous version
        bitte rückgängig machen
        verwirf die Änderungen
        vuelve a como estaba
        верни обратно
        改回去
        恢复原样
        戻してください
        원래대로 돌려줘
        revert that please
        undo
        Revert the last commit
        never mind
        mach das rückgängig
        annule
        撤销
        元に戻してください
        maak dat ongedaan
        cofnij to
        geri al
        скасуй це
        hoàn tác
        batalkan perubahan
        تراجع عن ذلك
    """,
    Reaction.NOTHING: """
        works now?
        no that's fine
        no, it's ok
        работает?
        ça marche ?
        好了吗？
        これで動きましたか
        go back to the home page after login
        添加返回上一页的按钮
        错误处理要完整
        間違ったパスワードを表示して
        恢复功能也要支持
        yes
        go ahead
        commit this
        可以
        好的 继续
        does it work?
        is there still an issue with the cache?
        no problem, go on
        No more than 12 functions can be added to a deployment
        No module named 'teapot'
        Great, but the button is off
        works on my machine but not in CI
        nice to have: a dark mode
        super class is missing a method
        make sure it works
        undo button for the editor
        świetnie, ale przycisk jest krzywo
        harika ama düğme kaydı
        mantap, tapi tombolnya miring
        ممتاز لكن الزر مائل
        geri al düğmesi ekle
        yanlış parola girilince bir uyarı göster
        kembalikan daftar pengguna dari fungsi
        скасуй підписку, коли минув термін
        hoàn tác nút trong trình soạn thảo
        không được xóa tệp nào
        Why aren't we using table-driven tests?
        ok, so the settings will still be there
    """,
}
CASES = [(want, line.strip()) for want, text in SAID.items() for line in text.strip().splitlines()]


@pytest.mark.parametrize(("want", "prompt"), CASES, ids=[prompt for _, prompt in CASES])
def test_a_prompt_says_what_it_thinks_of_the_work_before(want: Reaction, prompt: str) -> None:
    assert reaction(prompt) is want


def test_only_how_a_prompt_begins_is_a_reaction() -> None:
    assert reaction("Add a page. " * 20 + "It still doesn't work in one browser.") == "nothing"


def test_an_apostrophe_of_any_form_is_one() -> None:
    assert reaction("it still doesn\u2019t work") is Reaction.REPEATED


DOUBTING = """
    the tests fail
    tests are failing now
    it crashes on startup
    you forgot the migration
    der Test schlägt fehl
    die Seite bleibt leer
    el test falla
    le test échoue
    il test fallisce
    тесты падают
    测试失败了
    页面是空白的
    テストが失敗します
    画面が真っ白です
    테스트가 실패합니다
    ok next error: the workflow file is not valid
    > shop@1.2.0 build  TypeError: price is undefined
    Run 7: Process completed with exit code 1
    GET /cart 500 (Internal Server Error)
    Beim Start kommt ein Fehler
    Une erreur s'affiche à la connexion
    deu erro no deploy
    Nada, no se han cargado los datos
    列表没有显示出来
    画像が表示されません
    목록이 나오지 않습니다
    После обновления ошибка
    still the same
    hmm, the text is cut off
    the button is gone
    It opens the editor instead of the viewer
    Nice, but the lid hangs
    es tropft immer noch
    le bouton a disparu
    los botones siguen ahí, pero vacíos
    按钮不见了
    ボタンが消えました
"""
CONTENTED = """
    Write a test that runs when the upload fails
    wenn der Upload fehlschlägt, soll er wiederholt werden
    если тест падает, отправь письмо
    失败重试机制加一下
    実行に失敗したときに再試行する機能を追加して
    si falla la subida, reintenta
    Write the release notes of the kettle
    Add tests for error handling in the parser
    Now the second phase
    ahora la página de ayuda
    次の機能を実装してください
    接下来写文档
    Una mas para mover el texto
"""


@pytest.mark.parametrize("prompt", [line.strip() for line in DOUBTING.strip().splitlines()])
def test_an_error_or_what_is_not_so_doubts_the_work_before(prompt: str) -> None:
    assert doubts_work_before(prompt)


@pytest.mark.parametrize("prompt", [line.strip() for line in CONTENTED.strip().splitlines()])
def test_another_request_does_not_doubt_it(prompt: str) -> None:
    assert not doubts_work_before(prompt)
