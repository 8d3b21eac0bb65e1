-- Paging through keys, and which keys belong to a namespace.
SELECT cache_set_many('{"page:a": 1, "page:b": 2, "page:B": 3, "page:é": 4, "page": 5, ":page": 6, "pagex:a": 7,
                        "page:": 8, "pa%e:a": 9, "page;a": 10}');
SELECT * FROM cache_keys('page');
SELECT * FROM cache_keys('page', max_keys => 2);
SELECT * FROM cache_keys('page', after => 'page:B', max_keys => 2);
SELECT * FROM cache_keys('page', after => 'page:é');
SELECT * FROM cache_keys('pa%e');
SELECT * FROM cache_keys('') WHERE cache_keys ~ 'page';
SELECT * FROM cache_keys() WHERE cache_keys ~ 'pa[g%]e';
SELECT cache_clear('pa%e'), cache_clear('page'), cache_clear('page');
SELECT * FROM cache_keys() WHERE cache_keys ~ 'pa[g%]e';
SELECT cache_clear('') >= 2 AS unnamed_ones;
SELECT * FROM cache_keys('');
